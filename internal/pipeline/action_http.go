package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// HTTPRoute posts to a URL whose destination is confirmed.
type HTTPRoute struct {
	URL             string       `json:"url"` // template
	ConfirmationURL *string      `json:"confirmation_url,omitzero"`
	HTTPHeader      []HTTPHeader `json:"http_header,omitzero"`
	SigV4           *HTTPSigV4   `json:"sigv4,omitzero"`
	BatchConfig     *HTTPBatch   `json:"batch_config,omitzero"`
	EnableBatching  *bool        `json:"enable_batching,omitzero"`
}

// HTTPBatch says when a batch of messages is posted, as a JSON array.
type HTTPBatch struct {
	MaxBatchOpenMS    *int64 `json:"max_batch_open_ms,omitzero"`
	MaxBatchSize      *int64 `json:"max_batch_size,omitzero"`       // messages
	MaxBatchSizeBytes *int64 `json:"max_batch_size_bytes,omitzero"` // bytes
	BatchAcrossTopics *bool  `json:"batch_across_topics,omitzero"`
}

// The limits of a batch, and AWS's defaults [IoT-SQL 17 http].
var (
	HTTPBatchOpen  = Limit{Min: 5, Max: 200, Default: value(20), Source: "AWS IoT"}
	HTTPBatchSize  = Limit{Min: 2, Max: 10, Default: value(10), Source: "AWS IoT"}
	HTTPBatchBytes = Limit{Min: 100, Max: 131072, Default: value(5120), Source: "AWS IoT"}
)

// HTTPHeader is a header of the request.
type HTTPHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"` // template
}

// HTTPSigV4 signs an HTTP route's requests. The user provides the role, because only the user knows what the API
// that is called requires.
type HTTPSigV4 struct {
	ServiceName   string `json:"service_name"`
	SigningRegion string `json:"signing_region"`
	RoleARN       string `json:"role_arn"`
}

func (a *HTTPRoute) desired(string) spec.Action {
	action := &spec.HTTPAction{URL: a.URL, ConfirmationURL: deref(a.ConfirmationURL)}
	for _, h := range a.HTTPHeader {
		action.Headers = append(action.Headers, spec.Header(h))
	}
	if s := a.SigV4; s != nil {
		action.SigV4 = &spec.SigV4{RoleARN: s.RoleARN, ServiceName: s.ServiceName, SigningRegion: s.SigningRegion}
	}
	if deref(a.EnableBatching) {
		b := *or(a.BatchConfig, HTTPBatch{})
		action.Batch = &spec.HTTPBatch{MaxOpenMS: int32(*HTTPBatchOpen.Or(b.MaxBatchOpenMS)),
			MaxSize: int32(*HTTPBatchSize.Or(b.MaxBatchSize)), MaxBytes: int32(*HTTPBatchBytes.Or(b.MaxBatchSizeBytes)),
			AcrossTopics: deref(b.BatchAcrossTopics)}
	}
	return spec.Action{HTTP: action}
}

// The request needs no permission, or is signed with the user's role.
func (a *HTTPRoute) grants(arns) []statement { return nil }

func (a *HTTPRoute) check(c *actionChecker) {
	c.template("url", &a.URL)
	c.https("url", &a.URL)
	c.https("confirmation_url", a.ConfirmationURL)
	for i, h := range a.HTTPHeader {
		c.templateAt(item(c.arg("http_header"), i)+".value", h.Value)
	}
	a.checkBatch(c)
	if s := a.SigV4; s != nil {
		path := c.arg("sigv4.service_name")
		if reason, gone := retired[strings.ReplaceAll(s.ServiceName, "-", "")]; gone && c.known(path) {
			c.fail(path, "The request would be signed for a retired service", "%s.", reason)
		}
		c.text(c.arg("sigv4.signing_region"), s.SigningRegion, regionPattern, "a region looks like eu-west-1")
		c.arn(c.arg("sigv4.role_arn"), s.RoleARN, "iam", "role/", false)
	}
}

func (a *HTTPRoute) checkBatch(c *actionChecker) {
	b := a.BatchConfig
	if b == nil {
		return
	}
	path := c.arg("batch_config")
	if !deref(a.EnableBatching) && c.known(path) && c.known(c.arg("enable_batching")) {
		c.fail(path, "Batching is off", "batch_config has no effect. Set enable_batching = true, or remove it.")
	}
	c.number(c.arg("batch_config.max_batch_open_ms"), b.MaxBatchOpenMS, HTTPBatchOpen)
	c.number(c.arg("batch_config.max_batch_size"), b.MaxBatchSize, HTTPBatchSize)
	c.number(c.arg("batch_config.max_batch_size_bytes"), b.MaxBatchSizeBytes, HTTPBatchBytes)
}

func (c *actionChecker) https(name string, v *string) {
	path := c.arg(name)
	if v == nil || !c.known(path) {
		return
	}
	rest, ok := strings.CutPrefix(*v, "https://")
	if !ok || rest == "" {
		c.fail(path, lastName(path)+" is not an HTTPS URL",
			"%s should start with https://; AWS IoT posts over TLS only.", excerpt(*v))
		return
	}
	host, _, _ := strings.Cut(rest, "/")
	for _, label := range strings.Split(host, ".") {
		if reason, gone := retired[label]; gone && strings.Contains(host, "amazonaws.com") {
			c.fail(path, "The URL belongs to a retired service", "%s.", reason)
		}
	}
}

// retired are the services whose endpoints no longer answer [AWS 10], and what to use instead.
var retired = map[string]string{
	"iotanalytics":    "AWS IoT Analytics ended on 2025-12-15. Use firehose with S3 and Athena instead",
	"iotevents":       "AWS IoT Events ended on 2026-05-20. Use alerts, lambda or step_functions instead",
	"ioteventsdata":   "AWS IoT Events ended on 2026-05-20. Use alerts, lambda or step_functions instead",
	"mobiletargeting": "Amazon Pinpoint ended on 2026-10-30. Use sns instead",
	"pinpoint":        "Amazon Pinpoint ended on 2026-10-30. Use sns instead",
}
