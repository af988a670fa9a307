package pipeline

import (
	"net/url"
	"strings"
)

// wild turns a text with substitution templates into a pattern of an IAM
// policy: each ${…} may become anything. An expression may hold braces itself,
// in an object literal or a string.
func wild(text string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(text, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		b.WriteByte('*')
		text = after[templateEnd(after):]
	}
}

// templateEnd gives the index behind the brace that closes an expression.
func templateEnd(s string) int {
	depth, quote := 1, byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// unescapeTopic gives the topic of a republish action, in which a reserved topic is written with a second dollar sign [AWS 2.1].
func unescapeTopic(topic string) string {
	if rest, ok := strings.CutPrefix(topic, "$$"); ok {
		return "$" + rest
	}
	return topic
}

// queueARN gives the ARN of the queue at a URL, https://<host>/<account>/<name>.
// The host of an emulator says nothing about the region; the rule's own is meant then.
func (b *builder) queueARN(queueURL string) string {
	region, account, name := queueOf(queueURL)
	return "arn:" + b.arn.partition + ":sqs:" + either(region, b.arn.region) + ":" + either(account, b.arn.account) + ":" + name
}

// queueOf takes a queue's URL apart. What it does not say is empty; templates become patterns.
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

func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
