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
	Key            string  `json:"key"`
	Value          *string `json:"value,omitzero"`    // template
	ValueWO        *string `json:"value_wo,omitzero"` // write-only: only in a configuration
	ValueWOVersion *int64  `json:"value_wo_version,omitzero"`
	// Secret is ValueWO while it is applied. Nothing that is written anywhere has it.
	Secret string `json:"-"`
}

// TakeSecrets completes a description with the write-only values of the configuration that it comes from.
func (s *Spec) TakeSecrets(config Spec) {
	s.takeAdoptions(config)
	for key, route := range s.Routes {
		from := config.Routes[key].HTTP
		if route.HTTP == nil || from == nil {
			continue
		}
		for i := range route.HTTP.HTTPHeader {
			if i < len(from.HTTPHeader) {
				route.HTTP.HTTPHeader[i].Secret = deref(from.HTTPHeader[i].ValueWO)
			}
		}
	}
}

// HTTPSigV4 signs an HTTP route's requests. The user provides the role, because only the user knows what the API
// that is called requires.
type HTTPSigV4 struct {
	ServiceName   string `json:"service_name"`
	SigningRegion string `json:"signing_region"`
	RoleARN       string `json:"role_arn"`
}

// MissingSecrets reports versions without a value in a configuration. Plans and states never have the value.
func MissingSecrets(config Spec, unknown func(path string) bool) (problems []Problem) {
	for _, key := range sortedKeys(config.Routes) {
		a := config.Routes[key].HTTP
		if a == nil {
			continue
		}
		for i, h := range a.HTTPHeader {
			path := item(at("routes", key)+".http.http_header", i) + ".value_wo"
			if h.ValueWOVersion != nil && h.ValueWO == nil && h.Value == nil && !unknown(path) {
				problems = append(problems, Problem{Path: path, Summary: "The version has no value",
					Detail: "value_wo_version is the version of value_wo, which is not written. Write both."})
			}
		}
	}
	return problems
}

func (a *HTTPRoute) desired(string) spec.Action {
	action := &spec.HTTPAction{URL: a.URL, ConfirmationURL: deref(a.ConfirmationURL)}
	for _, h := range a.HTTPHeader {
		header := spec.HTTPHeader{Key: h.Key, Value: deref(h.Value), Version: deref(h.ValueWOVersion)}
		if header.Version != 0 {
			header.Value = h.Secret
		}
		action.Headers = append(action.Headers, header)
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
		h.check(c, item(c.arg("http_header"), i))
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

// HTTPHeaderVersions limits the version of a write-only value.
var HTTPHeaderVersions = Limit{Min: 1, Max: 1<<53 - 1, Source: "this provider"}

// check does not compile a write-only value: an error would show it.
func (h HTTPHeader) check(c *actionChecker, path string) {
	value, secret, version := path+".value", path+".value_wo", path+".value_wo_version"
	if !c.known(value) || !c.known(secret) || !c.known(version) {
		return
	}
	switch {
	case h.Value != nil && (h.ValueWO != nil || h.ValueWOVersion != nil):
		c.fail(value, "The header has two values", "value is kept in the state, value_wo is not. Write one of them.")
	case h.Value != nil:
		c.templateAt(value, *h.Value)
	case h.ValueWOVersion == nil && h.ValueWO != nil:
		c.fail(secret, "The value has no version", "Terraform does not keep a write-only value, so only its version "+
			"tells that it has changed. Set value_wo_version = 1, and another number for each new value.")
	case h.ValueWOVersion == nil:
		c.fail(path, "The header has no value", "Write value, or value_wo and value_wo_version.")
	default:
		c.number(version, h.ValueWOVersion, HTTPHeaderVersions)
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
