{{- define "unet-operator.name" -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- end }}

{{- define "unet-operator.selector" -}}
app.kubernetes.io/name: unet-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "unet-operator.labels" -}}
{{ include "unet-operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: unet-operator
{{- end }}
