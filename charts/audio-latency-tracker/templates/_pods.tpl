{{/* What the pods of probe and correlator have in common. */}}

{{/* A map of options as the data of a ConfigMap. An option without a value is left to the program's
     default. Numbers of values files are floating point: 4194304 must not become 4.194304e+06. */}}
{{- define "alt.options" -}}
{{- $lines := list }}
{{- range $name, $value := . }}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) }}
{{- $lines = append $lines (printf "%s: %q" $name (printf "%.0f" $value)) }}
{{- else if not (or (kindIs "invalid" $value) (eq (toString $value) "")) }}
{{- $lines = append $lines (printf "%s: %q" $name (toString $value)) }}
{{- end }}
{{- end }}
{{- join "\n" $lines }}
{{- end }}

{{/* The options of both programs that name TLS files. */}}
{{- define "alt.tlsOptions" -}}
{{- if eq .Values.tls.mode "plainText" -}}
TLS: "off"
{{- else -}}
TLS: auto
TLS_CERT_FILE: /etc/audio-latency/tls/tls.crt
TLS_KEY_FILE: /etc/audio-latency/tls/tls.key
TLS_CA_FILE: /etc/audio-latency/tls/ca.crt
{{- end -}}
{{- end }}

{{/* How the command line in the correlator's image reaches the correlator. */}}
{{- define "alt.clientEnvironment" -}}
- name: AUDIO_LATENCY_SERVER
  value: {{ include "alt.correlator" . }}.{{ .Release.Namespace }}.svc:{{ .Values.correlator.service.port }}
{{- if eq .Values.tls.mode "plainText" }}
- name: AUDIO_LATENCY_PLAIN_TEXT
  value: "1"
{{- else }}
- name: AUDIO_LATENCY_CA_FILE
  value: /etc/audio-latency/tls/ca.crt
- name: AUDIO_LATENCY_CERT_FILE
  value: /etc/audio-latency/tls/tls.crt
- name: AUDIO_LATENCY_KEY_FILE
  value: /etc/audio-latency/tls/tls.key
{{- end }}
{{- if .Values.correlator.tokens.existingSecret }}
- name: AUDIO_LATENCY_TOKEN_FILE
  value: /etc/audio-latency/tokens/tokens
{{- end }}
{{- end }}

{{- define "alt.seedEnvironment" -}}
- name: SIGNATURE_SEED
  valueFrom:
    secretKeyRef:
      name: {{ .Values.signatureSeed.existingSecret | default (printf "%s-signature-seed" (include "alt.fullname" .)) }}
      key: {{ .Values.signatureSeed.key }}
{{- end }}

{{/* Takes (list context component), component probe, correlator or client: its certificate's Secret. */}}
{{- define "alt.tlsSecret" -}}
{{- $context := index . 0 -}}
{{- if eq $context.Values.tls.mode "existingSecrets" -}}
{{- index $context.Values.tls.existingSecrets (index . 1) -}}
{{- else -}}
{{- include "alt.fullname" $context }}-{{ index . 1 }}-tls
{{- end -}}
{{- end }}

{{/* The names by which the correlator is connected to. localhost is for a port-forward. */}}
{{- define "alt.correlatorDnsNames" -}}
{{- $service := include "alt.correlator" . -}}
{{- list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) (printf "%s.%s.svc.%s" $service .Release.Namespace .Values.clusterDomain) "localhost" | concat .Values.tls.correlatorExtraDnsNames | toJson -}}
{{- end }}

{{/* Pod Security "restricted", for what needs no rights. */}}
{{- define "alt.restrictedPod" -}}
runAsNonRoot: true
{{- if not .Values.openshift.enabled }}
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}
{{- define "alt.restrictedContainer" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Where and how a pod is scheduled, from the values of its component. */}}
{{- define "alt.scheduling" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Takes (list context component port): annotations of a pod. */}}
{{- define "alt.podAnnotations" -}}
{{- $context := index . 0 -}}
{{- $component := index . 1 -}}
checksum/configuration: {{ include (printf "%s/%s/configmap.yaml" $context.Template.BasePath $component) $context | sha256sum }}
{{- if $context.Values.monitoring.scrapeAnnotations }}
prometheus.io/scrape: "true"
prometheus.io/path: /metrics
prometheus.io/port: {{ index . 2 | quote }}
{{- end }}
{{- with (index $context.Values $component).podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}
