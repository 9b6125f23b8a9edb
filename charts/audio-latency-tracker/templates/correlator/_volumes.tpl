{{- define "alt.correlatorMounts" -}}
{{- if ne .Values.tls.mode "plainText" }}
- name: tls
  mountPath: /etc/audio-latency/tls
  readOnly: true
{{- end }}
{{- if .Values.correlator.tokens.existingSecret }}
- name: tokens
  mountPath: /etc/audio-latency/tokens
  readOnly: true
{{- end }}
{{- if .Values.correlator.endpoints }}
- name: endpoints
  mountPath: /etc/audio-latency/endpoints
  readOnly: true
{{- end }}
{{- end }}

{{- define "alt.correlatorVolumes" -}}
{{- if ne .Values.tls.mode "plainText" }}
- name: tls
  secret:
    secretName: {{ include "alt.tlsSecret" (list . "correlator") }}
    defaultMode: 288  # 0440: the group, fsGroup, reads
{{- end }}
{{- if .Values.correlator.tokens.existingSecret }}
{{ include "alt.tokensVolume" . }}
{{- end }}
{{- if .Values.correlator.endpoints }}
- name: endpoints
  configMap:
    name: {{ include "alt.correlator" . }}-endpoints
{{- end }}
{{- end }}

{{- define "alt.tokensVolume" -}}
- name: tokens
  secret:
    secretName: {{ .Values.correlator.tokens.existingSecret }}
    defaultMode: 288  # 0440: the group, fsGroup, reads
    items:
      - key: {{ .Values.correlator.tokens.key }}
        path: tokens
{{- end }}
