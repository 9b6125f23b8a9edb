{{/* Names and labels. Components: probe, correlator, client (whoever asks), test. */}}

{{- define "alt.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{/* 48 characters leave room for "-correlator-metrics" and the like within a label's 63. */}}
{{- define "alt.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 44 | trimSuffix "-" -}}
{{- else if contains (include "alt.name" .) .Release.Name -}}
{{- .Release.Name | trunc 44 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "alt.name" .) | trunc 44 | trimSuffix "-" -}}
{{- end -}}
{{- end }}

{{- define "alt.probe" -}}{{ include "alt.fullname" . }}-probe{{- end }}
{{- define "alt.correlator" -}}{{ include "alt.fullname" . }}-correlator{{- end }}

{{/* What selects a component's pods: never changes in the life of a release. Takes (list context component). */}}
{{- define "alt.selectorLabels" -}}
{{- $context := index . 0 -}}
app.kubernetes.io/name: {{ include "alt.name" $context }}
app.kubernetes.io/instance: {{ $context.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Takes (list context component). */}}
{{- define "alt.labels" -}}
{{- $context := index . 0 -}}
{{ include "alt.selectorLabels" . }}
app.kubernetes.io/part-of: audio-latency-tracker
app.kubernetes.io/version: {{ $context.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $context.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $context.Chart.Name $context.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Labels of a pod: none that changes with the chart's version alone. Takes (list context component). */}}
{{- define "alt.podLabels" -}}
{{- $context := index . 0 -}}
{{ include "alt.selectorLabels" . }}
app.kubernetes.io/part-of: audio-latency-tracker
{{- with $context.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- with (index $context.Values (index . 1)).podLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* Takes (list context component): the name of the component's ServiceAccount. */}}
{{- define "alt.serviceAccountName" -}}
{{- $context := index . 0 -}}
{{- $account := (index $context.Values (index . 1)).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (printf "%s-%s" (include "alt.fullname" $context) (index . 1)) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end }}

{{/* Takes (list context component): registry/repository:tag@digest. */}}
{{- define "alt.image" -}}
{{- $context := index . 0 -}}
{{- $image := (index $context.Values (index . 1)).image -}}
{{- with $context.Values.image.registry }}{{ . }}/{{ end -}}
{{- $image.repository }}:{{ $image.tag | default $context.Chart.AppVersion -}}
{{- with $image.digest }}@{{ . }}{{ end -}}
{{- end }}
