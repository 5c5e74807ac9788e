{{/* gaoler.yaml: what values have, and what the chart must set itself. */}}

{{- define "gaoler.config" -}}
{{- $ours := dict "enforcement" (list "backend") "state" (list "path") "control" (list "socket") "telemetry" (list "listen") -}}
{{- $instead := dict "backend" "mode" "path" "state.hostPath" "socket" "nothing: it is /run/gaoler/gaoler.sock" "listen" "metrics.address and metrics.port" -}}
{{- $config := deepCopy .Values.config -}}
{{- range $section, $keys := $ours -}}
{{- range $key := $keys -}}
{{- if hasKey (default dict (get $config $section)) $key -}}
{{- fail (printf "config.%s.%s: the chart sets this; give %s" $section $key (get $instead $key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if dig "telemetry" "web" "config_file" "" $config -}}
{{- fail "config.telemetry.web.config_file: the chart sets this; give webConfig.existingSecret" -}}
{{- end -}}
{{- $set := dict
    "enforcement" (dict "backend" (ternary "none" .Values.mode (eq .Values.mode "watch")))
    "state" (dict "path" "/var/lib/gaoler/state.db")
    "control" (dict "socket" "/run/gaoler/gaoler.sock")
    "telemetry" (dict "listen" (printf "%s:%d" .Values.metrics.address (int .Values.metrics.port))) -}}
{{- if .Values.webConfig.existingSecret -}}
{{- $_ := set $set.telemetry "web" (dict "config_file" (printf "/etc/gaoler-web/%s" .Values.webConfig.key)) -}}
{{- end -}}
{{- if not (include "gaoler.sessions" .) -}}
{{- $_ := set $set "defaults" (dict "ignoresessions" false) -}}
{{- end -}}
{{- toYaml (merge $config $set) -}}
{{- end -}}

{{/* A file that values give as text or as YAML. */}}
{{- define "gaoler.file" -}}
{{- if kindIs "string" . -}}{{- . -}}{{- else -}}{{- toYaml . -}}{{- end -}}
{{- end -}}
