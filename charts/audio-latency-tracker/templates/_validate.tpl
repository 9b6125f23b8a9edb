{{/* What values.schema.json cannot say: values that do not go together. One line each. */}}
{{- define "alt.validate" -}}
{{- $values := .Values -}}
{{- if and (eq $values.tls.mode "existingSecrets") (not (and $values.tls.existingSecrets.correlator (or $values.tls.existingSecrets.probe $values.tls.probeHostPath) $values.tls.existingSecrets.client)) }}
{{- fail "tls.mode existingSecrets: name the Secrets (tls.crt, tls.key, ca.crt) in tls.existingSecrets.correlator, .probe and .client" }}
{{- end }}
{{- if and (eq $values.tls.mode "plainText") $values.tls.probeHostPath }}
{{- fail "tls.probeHostPath holds certificates, but tls.mode is plainText: choose another mode or leave the path empty" }}
{{- end }}
{{- if and $values.networkPolicy.enabled (eq $values.networkPolicy.flavor "kubernetes") (not $values.networkPolicy.nodeCIDRs) }}
{{- fail "networkPolicy.enabled: set networkPolicy.nodeCIDRs to the addresses of the nodes, since probes are in the nodes' network and no pod selector matches them (with Cilium set networkPolicy.flavor to cilium instead)" }}
{{- end }}
{{- if gt (int64 $values.correlator.config.MATCH_HOLD_MS) (int64 $values.correlator.config.MATCH_WINDOW_MS) }}
{{- fail "correlator.config.MATCH_HOLD_MS must not be above correlator.config.MATCH_WINDOW_MS" }}
{{- end }}
{{- if lt (int64 $values.correlator.config.MAX_FLOWS_PER_PROBE) (int64 $values.probe.config.MAX_FLOWS) }}
{{- fail "correlator.config.MAX_FLOWS_PER_PROBE must not be below probe.config.MAX_FLOWS: batches with flows beyond it would be lost" }}
{{- end }}
{{- if eq (int64 $values.correlator.service.port) (int64 $values.correlator.metricsPort) }}
{{- fail "correlator.service.port and correlator.metricsPort must differ" }}
{{- end }}
{{- if and (eq $values.correlator.service.type "NodePort") (not $values.correlator.service.nodePort) }}
{{- fail "correlator.service.type NodePort: set correlator.service.nodePort, so that TCP and UDP get the same port of the nodes" }}
{{- end }}
{{- if and (eq $values.correlator.service.type "ClusterIP") $values.correlator.service.nodePort }}
{{- fail "correlator.service.nodePort is set, but correlator.service.type is ClusterIP" }}
{{- end }}
{{- if and $values.probe.kubelet.enabled (not $values.probe.containerIdentity.enabled) }}
{{- fail "probe.kubelet.enabled needs probe.containerIdentity.enabled: the kubelet names the containers that it finds" }}
{{- end }}
{{- with $values.probe.updateStrategy.rollingUpdate }}
{{- if and (hasKey . "maxSurge") (not (has (toString .maxSurge) (list "0" "0%"))) }}
{{- fail "probe.updateStrategy.rollingUpdate.maxSurge must be 0: two probes cannot have one metrics port of the node's network" }}
{{- end }}
{{- end }}
{{- if and $values.podDisruptionBudget.enabled (not (kindIs "invalid" $values.podDisruptionBudget.minAvailable)) (not (kindIs "invalid" $values.podDisruptionBudget.maxUnavailable)) }}
{{- fail "podDisruptionBudget: give minAvailable or maxUnavailable, not both (null takes one away)" }}
{{- end }}
{{- end }}
