package tfdiag

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hashicorp/terraform-plugin-framework/diag"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/permissions"
)

// cause is what stops a whole run: every part in progress fails with it, and it is reported once.
type cause struct {
	outcome string // ends the summary
	text    string
	each    bool // whether what each part was doing matters
	is      func(error) bool
}

// expired are the codes of credentials that AWS accepted before [IAM common errors].
var expired = []string{
	"ExpiredToken",
	"ExpiredTokenException",
	"RequestExpired",
	"TokenRefreshRequired",
	"UnrecognizedClientException",
	"InvalidClientTokenId",
}

var causes = []cause{
	{
		outcome: "was interrupted",
		text:    "The run was stopped, and requests in progress were canceled.",
		is:      func(err error) bool { return errors.Is(err, context.Canceled) },
	},
	{
		outcome: "ran out of time",
		text: "The time in timeouts is over. AWS may still be working; to wait longer, set a longer time in " +
			"timeouts.",
		each: true,
		is:   func(err error) bool { return errors.Is(err, context.DeadlineExceeded) },
	},
	{
		outcome: "stopped: the credentials are no longer valid",
		text:    "AWS no longer accepts the credentials; they have expired or were revoked. Renew them first.",
		is:      func(err error) bool { return awsapi.Is(err, expired...) },
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

func (c cause) detail(problems []*assembly.PartError, next string) string {
	keys := make([]string, len(problems))
	for i, p := range problems {
		keys[i] = p.Key
	}
	text := c.text
	if c.each {
		for _, p := range problems[:min(len(problems), maxListed)] {
			text += fmt.Sprintf("\n- %s %s %q: %s", p.Operation, kind(p.Kind), p.Name,
				strings.TrimSuffix(plain(p.Err), ": "+context.DeadlineExceeded.Error()))
		}
	}
	text += "\n\n" + next + "\n\nParts: " + list(keys)
	if facts := Facts(problems[0].Err); facts != "" {
		text += "\n" + facts
	}
	return text
}

// denied are the codes by which services refuse a request for want of a permission.
var denied = []string{
	"AccessDenied",
	"AccessDeniedException",
	"UnauthorizedException",
	"AuthorizationError",
	"AuthorizationErrorException",
	"NotAuthorized",
	"UnauthorizedOperation",
}

// missing names the action that the credentials may not do, since AWS does not always say it; empty for other errors.
func missing(err error) string {
	d := awsapi.DetailOf(err)
	action := permissions.Action(d.Service, d.Operation)
	if action == "" || !awsapi.Is(err, denied...) {
		return ""
	}
	return "The credentials do not permit " + action +
		" on this object. The guide \"Permissions\" has the whole policy."
}
