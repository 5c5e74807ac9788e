{{/*
One endpoint of a ServiceMonitor or PodMonitor. The alerts ask for job="gaoler", whatever the release
is called; an instance is a node.
*/}}
{{- define "gaoler.endpoint" -}}
{{- $monitor := .monitor -}}
port: metrics
path: /metrics
scheme: {{ ternary "https" "http" (eq .root.Values.webConfig.scheme "HTTPS") }}
interval: {{ $monitor.interval }}
scrapeTimeout: {{ $monitor.scrapeTimeout }}
{{- with $monitor.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $monitor.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
relabelings:
  - targetLabel: job
    replacement: gaoler
    action: replace
  - sourceLabels: [__meta_kubernetes_pod_node_name]
    targetLabel: instance
    action: replace
  {{- with $monitor.relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $monitor.metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "gaoler.monitorMetadata" -}}
name: {{ include "gaoler.fullname" .root }}
namespace: {{ default .root.Release.Namespace .values.namespace }}
labels:
  {{- include "gaoler.labels" .root | nindent 2 }}
  {{- with .values.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
