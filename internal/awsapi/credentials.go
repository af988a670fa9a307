package awsapi

import (
	"errors"

	sdkconfig "github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
	"github.com/hashicorp/aws-sdk-go-base/v2/diag"
)

// CredentialsError says that the settings, the environment and the files lead to no credentials.
type CredentialsError struct{ Err error }

func (e *CredentialsError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *CredentialsError) Unwrap() error { return e.Err }

// SSO reports whether there is a profile of IAM Identity Center (SSO), and its session is over.
func (e *CredentialsError) SSO() bool { return errors.As(e.Err, new(*ssocreds.InvalidTokenError)) }

// NoProfileError says that the shared files do not have the profile.
type NoProfileError = sdkconfig.SharedConfigProfileNotExistError

// AssumeRoleError says that a role of the settings cannot be assumed.
type AssumeRoleError struct{ Err error }

func (e *AssumeRoleError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *AssumeRoleError) Unwrap() error { return e.Err }

// errorOf is what aws-sdk-go-base found wrong: of its diagnostics, the errors in them.
func errorOf(diags diag.Diagnostics) error {
	var errs []error
	for _, d := range diags.Errors() {
		err := errors.New(d.Summary() + ": " + d.Detail())
		if withErr, ok := d.(diag.DiagnosticWithErr); ok {
			err = withErr.Err()
		}
		switch {
		case awsbase.IsCannotAssumeRoleError(d):
			err = &AssumeRoleError{err}
		case awsbase.IsNoValidCredentialSourcesError(d):
			err = &CredentialsError{err}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
