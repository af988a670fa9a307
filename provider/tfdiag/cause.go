package tfdiag

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// cause is what stops a whole run: every part in progress fails with it, and it is reported once.
type cause struct {
	outcome string // ends the summary
	text    string
	each    bool // whether what each part was doing matters
	is      func(error) bool
}

// expired are the codes of credentials whose time is over [IAM common errors].
var expired = []string{"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}

// unknownCredentials are the codes of credentials that AWS does not know, in any region that is not enabled too.
var unknownCredentials = []string{"UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure"}

var causes = []cause{
	{
		outcome: "was interrupted",
		text: "The run was stopped, and requests in progress were canceled. What they did to AWS is not known; the " +
			"next run looks.",
		is: func(err error) bool { return errors.Is(err, context.Canceled) },
	},
	{
		outcome: "ran out of time",
		text: "The time in timeouts is over. AWS may still be working; to wait longer, set a longer time in " +
			"timeouts.",
		each: true,
		is:   func(err error) bool { return errors.Is(err, context.DeadlineExceeded) },
	},
	{
		outcome: "stopped: " + credentialsExpired,
		text:    expiredText,
		is:      func(err error) bool { return awsapi.Is(err, expired...) },
	},
	{
		outcome: "stopped: " + credentialsUnknown,
		text:    unknownText,
		is:      func(err error) bool { return awsapi.Is(err, unknownCredentials...) },
	},
}

// reportCommonCauses adds one diagnostic for each cause that stopped the run, and returns the other problems.
func reportCommonCauses(
	diags *diag.Diagnostics,
	problems []*assembly.PartError,
	run Run,
	next func() string,
) (own []*assembly.PartError) {
	own = problems
	for _, c := range causes {
		var same, others []*assembly.PartError
		for _, p := range own {
			if c.is(p.Err) {
				same = append(same, p)
			} else {
				others = append(others, p)
			}
		}
		own = others
		if len(same) > 0 {
			diags.AddError(fmt.Sprintf("%s pipeline %q %s", run.Doing, run.Name, c.outcome), c.detail(same, next()))
		}
	}
	return own
}

// unfinished is what a part was waiting for when the time was over.
func unfinished(err error) string {
	text := strings.TrimSuffix(plain(err), context.DeadlineExceeded.Error())
	if text = strings.TrimRight(strings.TrimSuffix(text, "canceled, "), ": "); text == "" {
		return "AWS did not answer in time"
	}
	return text
}

func (c cause) detail(problems []*assembly.PartError, next string) string {
	keys := make([]string, len(problems))
	for i, p := range problems {
		keys[i] = p.Key
	}
	text := c.text
	if c.each {
		for _, p := range problems[:min(len(problems), maxListed)] {
			text += fmt.Sprintf("\n- %s %s %q: %s", p.Operation, kind(p.Kind), p.Name, unfinished(p.Err))
		}
	}
	text += "\n\n" + next + "\n\nParts: " + list(keys)
	if facts := Facts(problems[0].Err); facts != "" {
		text += "\n" + facts
	}
	return text
}
