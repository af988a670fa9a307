package rules

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

// What a device writes into an action by its values.

func TestValuesInTheTopicOfARepublish(t *testing.T) {
	for _, c := range []struct{ why, topic, payload, want, problem string }{
		{"a slash makes a level", "out/${to}/x", `{"to":"a/b"}`, "out/a/b/x", ""},
		{"a wildcard", "out/${to}", `{"to":"+"}`, "", "holds a wildcard"},
		{"the other wildcard", "out/${to}", `{"to":"#"}`, "", "holds a wildcard"},
		{"the null character", "out/${to}", `{"to":"\u0000"}`, "", "null character"},
		{"more than a topic holds",
			"out/${to}", `{"to":"` + strings.Repeat("x", 256) + `"}`, "", "longer than 256 bytes"},
		{"more levels than a topic has", "out/${to}", `{"to":"a/b/c/d/e/f/g/h"}`, "", "more than 7 forward slashes"},
		{"nothing", "${to}", `{}`, "", "is empty"},
		{"the rule names a reserved topic", "$$aws/things/${to}", `{"to":"a"}`, "$aws/things/a", ""},
		{"a value does not", "${to}", `{"to":"$$aws/things/a"}`, "$$aws/things/a", ""},
		{"a dollar before a value", "$${to}", `{"to":"a"}`, "$a", ""},
		{"a value that looks like a template", "out/${to}", `{"to":"${topic(1)}"}`, "out/${topic(1)}", ""},
	} {
		r := newRig(t, aws.Config{})
		r.set(t, newRule("r", "SELECT * FROM 'gh/#'",
			types.Action{Republish: &types.RepublishAction{Topic: &c.topic}}))
		r.send("gh/soil-001/telemetry", c.payload)
		got := ""
		if len(r.published) > 0 {
			got = r.published[0].Topic
		}
		if got != c.want || len(r.events) != 1 || !strings.Contains(r.events[0].Error, c.problem) ||
			(r.events[0].Error == "") != (c.problem == "") {
			t.Errorf("%s: published to %q, events %+v; want %q, %q", c.why, got, r.events, c.want, c.problem)
		}
	}
}

func TestValuesInTheHeadersOfARepublish(t *testing.T) {
	for _, c := range []struct {
		why, payload, problem string
		headers               types.MqttHeaders
	}{
		{"a wildcard", `{"x":"a/#"}`, "responseTopic", types.MqttHeaders{ResponseTopic: aws.String("${x}")}},
		{"no response topic", `{}`, "", types.MqttHeaders{ResponseTopic: aws.String("${x}")}},
		{"the null character", `{"x":"\u0000"}`, "contentType", types.MqttHeaders{ContentType: aws.String("${x}")}},
		{"bytes that are not UTF-8", "{\"x\":\"\xff\"}", "userProperties", types.MqttHeaders{
			UserProperties: []types.UserProperty{{Key: aws.String("k"), Value: aws.String("${x}")}}}},
		{"line breaks are text", `{"x":"a\r\nb"}`, "", types.MqttHeaders{ContentType: aws.String("${x}")}},
	} {
		r := newRig(t, aws.Config{})
		r.set(t, newRule("r", "SELECT * FROM 'gh/#'",
			types.Action{Republish: &types.RepublishAction{Topic: aws.String("out"), Headers: &c.headers}}))
		r.send("gh/soil-001/telemetry", c.payload)
		if (len(r.published) == 1) != (c.problem == "") || !strings.Contains(r.events[0].Error, c.problem) {
			t.Errorf("%s: published %+v, events %+v", c.why, r.published, r.events)
		}
	}
}

func TestValuesInTheKeyOfAnObject(t *testing.T) {
	_, c, r := against(t)
	for _, bucket := range []string{"archive", "other"} {
		must(c.S3().CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &bucket}))(t)
	}
	r.set(t, newRule("s", "SELECT * FROM 'gh/#'", types.Action{
		S3: &types.S3Action{BucketName: aws.String("archive"), Key: aws.String("raw/${x}")}}))
	for _, payload := range []string{
		`{"x":"a/b c?#%2e.json"}`, `{"x":"é<&>"}`, `{"x":"${topic()}"}`,
		`{"x":"../../other/a"}`, `{"x":"a/../../../other/a"}`, `{"x":"` + strings.Repeat("x", 1021) + `"}`,
	} {
		r.send("gh/soil-001/telemetry", payload)
	}
	var refused []string
	for _, e := range r.events {
		if e.Error != "" {
			refused = append(refused, e.Error[:min(len(e.Error), 30)])
		}
	}
	want := []string{
		`the key "raw/../../other/a" le`,
		`the key "raw/a/../../../other/`,
		"the key has 1025 bytes, S3 tak",
	}
	if diff := cmp.Diff(want, refused); diff != "" {
		t.Errorf("refused (-want +got):\n%s", diff)
	}
	objects := map[string][]string{}
	for _, bucket := range []string{"archive", "other"} {
		for _, o := range must(c.S3().ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket}))(t).Contents {
			objects[bucket] = append(objects[bucket], *o.Key)
		}
	}
	stored := map[string][]string{"archive": {"raw/${topic()}", "raw/a/b c?#%2e.json", "raw/é<&>"}}
	if diff := cmp.Diff(stored, objects); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
}

func TestKeysThatS3Takes(t *testing.T) {
	for key, want := range map[string]bool{
		"a": true, "a/../b": true, "a/b/../../c": true, "..a/b..": true, "a//../b": true, "a/./b": true,
		"../a": false, "a/../../b": false, "./../a": false, "a/../..": false, "//..": false,
	} {
		if err := checkKey(key); (err == nil) != want {
			t.Errorf("%q: %v", key, err)
		}
	}
}

func TestValuesInAnHTTPRequest(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, r.RequestURI+" "+r.Header.Get("X-Note")+r.Header.Get("X-Admin"))
	}))
	defer server.Close()
	r := newRig(t, aws.Config{})
	r.set(t, newRule("h", "SELECT * FROM 'gh/#'", types.Action{Http: &types.HttpAction{
		Url:             aws.String("${get_or_default(base, '" + server.URL + "/in/')}${path}"),
		ConfirmationUrl: aws.String(server.URL + "/in"),
		Headers:         []types.HttpActionHeader{{Key: aws.String("X-Note"), Value: aws.String("${note}")}},
	}}))
	for _, payload := range []string{
		`{"path":"a","note":"plain"}`,
		`{"path":"a?b=c&d=../e","note":"é"}`,
		`{"path":"a","note":"x\r\nX-Admin: yes"}`,
		`{"path":"a HTTP/1.1\r\nX-Admin: yes","note":"x"}`,
		`{"base":"http://127.0.0.1:1/","note":"another host"}`,
		`{"base":"` + server.URL + `/out/","note":"another path"}`,
	} {
		r.send("gh/soil-001/telemetry", payload)
	}
	want := []string{"/in/a plain", "/in/a?b=c&d=../e é"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for i, problem := range []string{
		"", "", "invalid header field value", "invalid control character in URL",
		"does not begin with the confirmation URL", "does not begin with the confirmation URL",
	} {
		if e := r.events[i].Error; !strings.Contains(e, problem) || (e == "") != (problem == "") {
			t.Errorf("message %d: error %q, want %q", i, e, problem)
		}
	}
}
