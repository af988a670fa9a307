package pipeline

import (
	"cmp"
	"net/url"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// SQSRoute sends to a standard queue.
type SQSRoute struct {
	QueueURL  string `json:"queue_url"`
	UseBase64 *bool  `json:"use_base64,omitzero"`
}

func (a *SQSRoute) desired(role string) spec.Action {
	return spec.Action{SQS: &spec.SQSAction{RoleARN: role, QueueURL: a.QueueURL, UseBase64: deref(a.UseBase64)}}
}

func (a *SQSRoute) grants(n arns) []statement {
	return []statement{allow([]string{"sqs:SendMessage"}, n.queueAt(a.QueueURL))}
}

func (a *SQSRoute) check(c *actionChecker) {
	c.template("queue_url", &a.QueueURL)
	c.standard("queue_url", a.QueueURL, "queue")
	if path := c.arg("queue_url"); c.known(path) && !strings.Contains(a.QueueURL, "${") && !isQueueURL(a.QueueURL) {
		c.fail(path, "queue_url is not the URL of a queue", "%s should look like "+
			"https://sqs.<region>.amazonaws.com/<account>/<name>, for example aws_sqs_queue.<name>.url; "+
			"an ARN is not accepted.", excerpt(a.QueueURL))
	}
}

func isQueueURL(s string) bool {
	_, account, name := queueOf(s)
	return account != "" && name != "*" && (isURL("https")(s) || isURL("http")(s))
}

// queueAt gives the ARN of the queue at a URL, https://<host>/<account>/<name>. The host of an emulator does not name a
// region; the pipeline's is used then.
func (a arns) queueAt(queueURL string) string {
	region, account, name := queueOf(queueURL)
	a.region, a.account = cmp.Or(region, a.region), cmp.Or(account, a.account)
	return a.queue(name)
}

// queueOf splits a queue's URL. What the URL does not say is empty; templates become patterns.
func queueOf(queueURL string) (region, account, name string) {
	pattern := wild(queueURL)
	u, err := url.Parse(pattern)
	if err != nil {
		return "", "", "*"
	}
	if host := strings.Split(u.Hostname(), "."); len(host) > 2 && host[0] == "sqs" {
		region = host[1]
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	if len(path) < 2 {
		return region, "", "*"
	}
	return region, path[len(path)-2], path[len(path)-1]
}
