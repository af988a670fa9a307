package tfdiag

import (
	"errors"
	"regexp"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/permissions"
)

const (
	credentialsExpired = "the credentials have expired"
	expiredText        = "Renew them (aws sso login, or whatever makes them), then continue. Runs that take longer " +
		"than the credentials last need a longer session, such as duration in assume_role."
	credentialsUnknown = "AWS does not know the credentials"
	unknownText        = "Their access key was mistyped, deactivated or deleted, or belongs to another partition. " +
		"AWS says the same in a region that the account must enable first, which holds for every region since 2019, " +
		"such as eu-south-1: enable it in the account, or choose another region."
)

// denied are the codes by which services refuse a request for want of a permission.
var denied = []string{
	"AccessDenied",
	"AccessDeniedException",
	"UnauthorizedException",
	"AuthorizationError",
	"AuthorizationErrorException",
	"NotAuthorized",
	"UnauthorizedOperation",
	"Forbidden",
}

// named finds the action in the message of a refusal. It may be another than the operation's, such as iam:PassRole.
var named = regexp.MustCompile(`not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)`)

// accessAdvice names the action that the credentials may not do, since AWS does not always say it, and who can permit
// it.
func accessAdvice(err error) advice {
	d := awsapi.DetailOf(err)
	action := permissions.Action(d.Service, d.Operation)
	if found := named.FindStringSubmatch(d.Message); found != nil {
		action = found[1]
	}
	switch {
	case action == "" || !awsapi.Is(err, denied...):
		return advice{}
	case strings.Contains(d.Message, "explicit deny"):
		return advice{outcome: "a policy forbids it", text: "A policy denies " + action + ", whatever others allow. " +
			"AWS names the kind of policy: one of the organization (service control policy, resource control " +
			"policy), the permissions boundary, a session policy, or one of your own. Ask whoever keeps it for an " +
			"exception."}
	}
	return advice{outcome: "a permission is missing", text: "The credentials do not permit " + action +
		" on this object. The guide \"Permissions\" has the whole policy."}
}

// adviceOn is what there is to say about an error; the zero value when there is nothing.
func adviceOn(err error) advice {
	var own interface{ Outcome() string }
	var none *awsapi.CredentialsError
	switch {
	case errors.As(err, &own):
		return advice{outcome: own.Outcome()}
	case errors.As(err, &none) && none.SSO():
		return advice{outcome: "the SSO session has expired", text: "Run aws sso login, with --profile and the " +
			"profile that the provider uses, then continue."}
	case errors.As(err, new(awsapi.NoProfileError)):
		return advice{outcome: "the profile does not exist", text: "Compare profile in the provider block, or " +
			"AWS_PROFILE, with the sections of ~/.aws/config and ~/.aws/credentials."}
	case errors.As(err, &none):
		return advice{outcome: "no credentials were found", text: "Sign in (aws sso login, aws configure), name a " +
			"profile in the provider block or in AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."}
	case errors.As(err, new(*awsapi.AssumeRoleError)):
		return advice{outcome: "the role cannot be assumed", text: "Check the ARN in assume_role, the role's trust " +
			"policy, which must name who assumes it, and that the provider's own credentials permit sts:AssumeRole."}
	case awsapi.Is(err, expired...):
		return advice{outcome: credentialsExpired, text: expiredText}
	case awsapi.Is(err, unknownCredentials...):
		return advice{outcome: credentialsUnknown, text: unknownText}
	}
	if a := adviceFor(err); a.text != "" {
		return a
	}
	return accessAdvice(err)
}
