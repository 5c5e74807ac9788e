{{/* Parts of the pod. */}}

{{- define "gaoler.podSecurityContext" -}}
{{- $uid := int64 (include "gaoler.uid" .) -}}
{{- $gid := int64 (include "gaoler.gid" .) -}}
{{- $own := dict
    "runAsUser" $uid
    "runAsGroup" $gid
    "runAsNonRoot" (ne $uid 0)
    "fsGroup" $gid
    "supplementalGroups" (list (int64 .Values.host.journalGroup))
    "seLinuxOptions" (dict "type" (include "gaoler.seLinuxType" .))
    "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.podSecurityContext)) -}}
{{- end -}}

{{- define "gaoler.securityContext" -}}
{{- $capabilities := dict "drop" (list "ALL") -}}
{{- with include "gaoler.capabilities" . | fromJsonArray -}}
{{- $_ := set $capabilities "add" . -}}
{{- end -}}
{{- $own := dict
    "allowPrivilegeEscalation" false
    "privileged" false
    "readOnlyRootFilesystem" true
    "capabilities" $capabilities -}}
{{- toYaml (mergeOverwrite $own (deepCopy .Values.securityContext)) -}}
{{- end -}}

{{/* The state is made the user's, by a root that may do nothing else. */}}
{{- define "gaoler.prepare" -}}
- name: prepare
  image: {{ include "gaoler.image" . }}
  imagePullPolicy: {{ .Values.image.pullPolicy }}
  command: [chown, -Rh, "{{ include "gaoler.uid" . }}:{{ include "gaoler.gid" . }}", /var/lib/gaoler]
  securityContext:
    runAsUser: 0
    runAsNonRoot: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
      # To look into what another user kept to itself, and to give it away.
      add: [CHOWN, DAC_READ_SEARCH]
  resources:
    {{- toYaml .Values.resources | nindent 4 }}
  volumeMounts:
    - name: state
      mountPath: /var/lib/gaoler
{{- end -}}

{{- define "gaoler.env" -}}
- name: NODE_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: HOST_IP
  valueFrom:
    fieldRef:
      fieldPath: status.hostIP
- name: POD_IP
  valueFrom:
    fieldRef:
      fieldPath: status.podIP
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
- name: OTEL_RESOURCE_ATTRIBUTES
  value: host.name=$(NODE_NAME),k8s.node.name=$(NODE_NAME),k8s.namespace.name=$(POD_NAMESPACE),k8s.pod.name=$(POD_NAME),k8s.daemonset.name={{ include "gaoler.fullname" . }}
# As gaoler.service has it, and why: one heap for all threads.
- name: MALLOC_ARENA_MAX
  value: "1"
- name: MALLOC_TRIM_THRESHOLD_
  value: "33554432"
- name: GAOLER_LOG
  value: {{ .Values.log.level | quote }}
- name: GAOLER_LOG_FORMAT
  value: {{ .Values.log.format | quote }}
{{- if include "gaoler.bus" . }}
- name: DBUS_SYSTEM_BUS_ADDRESS
  value: unix:path=/run/dbus/system_bus_socket
{{- end }}
{{- with .Values.env }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
A web configuration may ask for passwords or certificates, which a kubelet has not: `gaoler status`
asks over the control socket instead.
*/}}
{{- define "gaoler.probes" -}}
{{- $byCommand := and .Values.webConfig.existingSecret (eq .Values.webConfig.probe "exec") -}}
{{- $paths := dict "startup" "/-/healthy" "liveness" "/-/healthy" "readiness" "/-/ready" -}}
{{- range $name, $path := $paths }}
{{ $name }}Probe:
  {{- if $byCommand }}
  exec:
    command: [gaoler, status]
  {{- else }}
  httpGet:
    path: {{ $path }}
    port: metrics
    scheme: {{ $.Values.webConfig.scheme }}
  {{- end }}
  {{- with get $.Values.probes $name }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "gaoler.volumeMounts" -}}
- name: config
  mountPath: /etc/gaoler
  readOnly: true
{{- if .Values.webConfig.existingSecret }}
- name: web
  mountPath: /etc/gaoler-web
  readOnly: true
{{- end }}
- name: state
  mountPath: /var/lib/gaoler
- name: run
  mountPath: /run/gaoler
- name: tmp
  mountPath: /tmp
# At the node's own paths, so that a configuration means the same here as there. Log directories
# themselves, not what is in them now: journald and logrotate make new ones.
- name: machine-id
  mountPath: /etc/machine-id
  readOnly: true
{{- range $at, $directory := .Values.host.logs }}
- name: logs-{{ $at }}
  mountPath: {{ $directory }}
  readOnly: true
  mountPropagation: HostToContainer
{{- end }}
{{- if include "gaoler.bus" . }}
# The directory: the socket in it is another after dbus has been restarted.
- name: bus
  mountPath: /run/dbus
  readOnly: true
{{- end }}
{{- if include "gaoler.sessions" . }}
- name: passwd
  mountPath: /etc/passwd
  readOnly: true
- name: group
  mountPath: /etc/group
  readOnly: true
{{- end }}
{{- with .Values.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "gaoler.volumes" -}}
- name: config
  configMap:
    name: {{ include "gaoler.fullname" . }}
    items:
      - key: gaoler.yaml
        path: gaoler.yaml
      {{- range $name, $file := .Values.confD }}
      - key: {{ printf "conf.d-%s" $name }}
        path: {{ printf "conf.d/%s" $name }}
      {{- end }}
      {{- range $name, $file := .Values.filters }}
      - key: {{ printf "filters-%s" $name }}
        path: {{ printf "filters/%s" $name }}
      {{- end }}
{{- if .Values.webConfig.existingSecret }}
- name: web
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ .Values.webConfig.existingSecret }}
      {{- with .Values.webConfig.tlsSecret }}
      - secret:
          name: {{ . }}
      {{- end }}
{{- end }}
- name: state
  {{- if eq (include "gaoler.stateType" .) "hostPath" }}
  hostPath:
    path: {{ .Values.state.hostPath }}
    type: DirectoryOrCreate
  {{- else }}
  emptyDir:
    sizeLimit: {{ .Values.state.sizeLimit }}
  {{- end }}
- name: run
  emptyDir:
    medium: Memory
    sizeLimit: 1Mi
- name: tmp
  emptyDir:
    sizeLimit: 16Mi
- name: machine-id
  hostPath:
    path: {{ .Values.host.machineId }}
    type: File
{{- range $at, $directory := .Values.host.logs }}
- name: logs-{{ $at }}
  hostPath:
    path: {{ $directory }}
    type: Directory
{{- end }}
{{- if include "gaoler.bus" . }}
- name: bus
  hostPath:
    path: {{ .Values.host.bus }}
    type: Directory
{{- end }}
{{- if include "gaoler.sessions" . }}
- name: passwd
  hostPath:
    path: /etc/passwd
    type: File
- name: group
  hostPath:
    path: /etc/group
    type: File
{{- end }}
{{- with .Values.volumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
