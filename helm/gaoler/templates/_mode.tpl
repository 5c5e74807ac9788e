{{/* What a mode comes to. Each answers "true", or nothing for no. */}}

{{- define "gaoler.enforces" -}}
{{- if ne .Values.mode "watch" -}}true{{- end -}}
{{- end -}}

{{/*
The host's own network: gaoler never bans the node's own addresses and gateways, and must see them.
*/}}
{{- define "gaoler.hostNetwork" -}}
{{- if or (include "gaoler.enforces" .) .Values.hostNetwork -}}true{{- end -}}
{{- end -}}

{{/* The host's D-Bus: firewalld is asked over it, and logind for the sessions of administrators. */}}
{{- define "gaoler.bus" -}}
{{- if or (eq .Values.mode "firewalld") (and (include "gaoler.enforces" .) .Values.host.sessions) -}}true{{- end -}}
{{- end -}}

{{/* Who is an administrator says the node's own list of users. */}}
{{- define "gaoler.sessions" -}}
{{- if and (include "gaoler.enforces" .) .Values.host.sessions -}}true{{- end -}}
{{- end -}}

{{/*
Without a rule of polkit's, firewalld obeys uid 0 alone; and a capability reaches no other user of a
container. Where neither is needed, the user is nobody that a node knows.
*/}}
{{- define "gaoler.uid" -}}
{{- if kindIs "invalid" .Values.user.uid -}}
{{- ternary 0 65532 (eq (include "gaoler.enforces" .) "true") -}}
{{- else -}}
{{- .Values.user.uid | int64 -}}
{{- end -}}
{{- end -}}

{{- define "gaoler.gid" -}}
{{- if kindIs "invalid" .Values.user.gid -}}
{{- include "gaoler.uid" . -}}
{{- else -}}
{{- .Values.user.gid | int64 -}}
{{- end -}}
{{- end -}}

{{/* Types of container-selinux: reads logs; may speak to the host's D-Bus and write its /var/lib. */}}
{{- define "gaoler.seLinuxType" -}}
{{- $hostState := eq (include "gaoler.stateType" .) "hostPath" -}}
{{- default (ternary "spc_t" "container_logreader_t" (or (eq (include "gaoler.enforces" .) "true") $hostState)) .Values.seLinuxType -}}
{{- end -}}

{{/* A directory that the kubelet makes belongs to root: another user could not write in it. */}}
{{- define "gaoler.stateType" -}}
{{- if ne .Values.state.type "auto" -}}
{{- .Values.state.type -}}
{{- else -}}
{{- ternary "hostPath" "emptyDir" (eq (include "gaoler.enforces" .) "true") -}}
{{- end -}}
{{- end -}}

{{/* Whether a jail closes live connections: the kernel asks for CAP_NET_ADMIN then, too. */}}
{{- define "gaoler.cuts" -}}
{{- $cuts := dig "defaults" "cut_established" false .Values.config -}}
{{- range $jail := dig "jails" dict .Values.config -}}
{{- if and (kindIs "map" $jail) $jail.cut_established -}}{{- $cuts = true -}}{{- end -}}
{{- end -}}
{{- if and $cuts (include "gaoler.enforces" .) -}}true{{- end -}}
{{- end -}}

{{- define "gaoler.capabilities" -}}
{{- $needed := .Values.capabilities -}}
{{- if or (eq .Values.mode "nftables") (include "gaoler.cuts" .) -}}
{{- $needed = append $needed "NET_ADMIN" -}}
{{- end -}}
{{- uniq $needed | toJson -}}
{{- end -}}

{{/* What the schema cannot say: values that do not go together. */}}
{{- define "gaoler.checked" -}}
{{- $uid := int64 (include "gaoler.uid" .) -}}
{{- if and (ne $uid 0) (has "NET_ADMIN" (include "gaoler.capabilities" . | fromJsonArray)) -}}
{{- fail (printf "user.uid: %d cannot be given CAP_NET_ADMIN in a container, which %s needs; leave user.uid out, or write 0" $uid (ternary "mode: nftables" "cut_established: true" (eq .Values.mode "nftables"))) -}}
{{- end -}}
{{- if and .Values.networkPolicy.enabled (include "gaoler.hostNetwork" .) -}}
{{- fail (printf "networkPolicy.enabled: no NetworkPolicy holds for pods in the node's own network, where %s puts them; leave it out, and limit port %d by the node's firewall" (ternary "hostNetwork: true" (printf "mode: %s" .Values.mode) (eq .Values.mode "watch")) (int .Values.metrics.port)) -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled .Values.podMonitor.enabled -}}
{{- fail "serviceMonitor.enabled and podMonitor.enabled: every node would be scraped twice; choose one" -}}
{{- end -}}
{{- if and .Values.webConfig.tlsSecret (not .Values.webConfig.existingSecret) -}}
{{- fail "webConfig.tlsSecret: the web configuration that names its files is missing; give webConfig.existingSecret too" -}}
{{- end -}}
{{- if and (eq .Values.webConfig.scheme "HTTPS") (not .Values.webConfig.existingSecret) -}}
{{- fail "webConfig.scheme: HTTPS needs a web configuration; give webConfig.existingSecret too" -}}
{{- end -}}
{{- if and .Values.state.prepare (ne (include "gaoler.stateType" .) "hostPath") -}}
{{- fail "state.prepare: only a directory of the node needs it; write state.type: hostPath too" -}}
{{- end -}}
{{- if and (eq (include "gaoler.enforces" .) "true") (eq .Values.state.type "emptyDir") -}}
{{- fail "state.type: emptyDir forgets bans with the pod, and they would stay in the firewall for ever; leave it out, or write hostPath" -}}
{{- end -}}
{{- end -}}
