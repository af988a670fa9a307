package awsapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	awsbase "github.com/hashicorp/aws-sdk-go-base/v2"
	"github.com/hashicorp/aws-sdk-go-base/v2/diag"
	"github.com/hashicorp/aws-sdk-go-base/v2/endpoints"
)

// DefaultMaxRetries is how often a request is sent when max_retries is not set, as in hashicorp/aws.
const DefaultMaxRetries = 25

// EndpointServices are the services that Settings.Endpoints may name, in order.
var EndpointServices = []string{
	"apigatewayv2",
	"athena",
	"cloudwatch",
	"dynamodb",
	"firehose",
	"glue",
	"greengrassv2",
	"iam",
	"iot",
	"iotdata",
	"kinesis",
	"lambda",
	"logs",
	"resourcegroupstaggingapi",
	"s3",
	"scheduler",
	"secretsmanager",
	"sns",
	"sqs",
	"ssm",
	"sts",
	"timestreaminfluxdb",
	"timestreamwrite",
}

// Settings say which account and region to work in, and how to get in. The JSON names are
// those of the provider's arguments; a zero value means "not written", and the SDK's own
// environment variables and files then decide.
type Settings struct {
	Region                         string              `json:"region"`
	Profile                        string              `json:"profile"`
	SharedConfigFiles              []string            `json:"shared_config_files"`
	SharedCredentialsFiles         []string            `json:"shared_credentials_files"`
	AccessKey                      string              `json:"access_key"`
	SecretKey                      string              `json:"secret_key"`
	Token                          string              `json:"token"`
	AssumeRole                     []AssumeRole        `json:"assume_role"`
	AssumeRoleWithWebIdentity      []WebIdentityRole   `json:"assume_role_with_web_identity"`
	MaxRetries                     *int                `json:"max_retries"`
	RetryMode                      string              `json:"retry_mode"`
	CustomCABundle                 string              `json:"custom_ca_bundle"`
	HTTPProxy                      *string             `json:"http_proxy"`
	HTTPSProxy                     *string             `json:"https_proxy"`
	NoProxy                        string              `json:"no_proxy"`
	Insecure                       bool                `json:"insecure"`
	Endpoints                      []map[string]string `json:"endpoints"`
	STSRegion                      string              `json:"sts_region"`
	S3UsePathStyle                 bool                `json:"s3_use_path_style"`
	UseDualStackEndpoint           bool                `json:"use_dualstack_endpoint"`
	UseFIPSEndpoint                bool                `json:"use_fips_endpoint"`
	EC2MetadataServiceEndpoint     string              `json:"ec2_metadata_service_endpoint"`
	EC2MetadataServiceEndpointMode string              `json:"ec2_metadata_service_endpoint_mode"`
	SkipCredentialsValidation      bool                `json:"skip_credentials_validation"`
	SkipRequestingAccountID        bool                `json:"skip_requesting_account_id"`
	SkipRegionValidation           bool                `json:"skip_region_validation"`
	SkipMetadataAPICheck           *bool               `json:"skip_metadata_api_check"`
	AllowedAccountIDs              []string            `json:"allowed_account_ids"`
	ForbiddenAccountIDs            []string            `json:"forbidden_account_ids"`
	RequestRates                   map[string]float64  `json:"request_rates"`

	// UserAgent is in every request, such as "terraform-provider-iot/1.0.0".
	UserAgent string `json:"-"`
	// Waiting, Failing and IgnoreTag are those of Options.
	Waiting   func(ctx context.Context, what string, waited time.Duration) `json:"-"`
	Failing   func(ctx context.Context, o Outage)                          `json:"-"`
	IgnoreTag func(key string) bool                                        `json:"-"`
}

// AssumeRole is one role of a chain; Duration is in Go's notation, such as "1h".
type AssumeRole struct {
	RoleARN           string            `json:"role_arn"`
	Duration          string            `json:"duration"`
	ExternalID        string            `json:"external_id"`
	Policy            string            `json:"policy"`
	PolicyARNs        []string          `json:"policy_arns"`
	SessionName       string            `json:"session_name"`
	SourceIdentity    string            `json:"source_identity"`
	Tags              map[string]string `json:"tags"`
	TransitiveTagKeys []string          `json:"transitive_tag_keys"`
}

// WebIdentityRole is a role that is assumed with a token of an OpenID Connect provider.
type WebIdentityRole struct {
	RoleARN              string   `json:"role_arn"`
	Duration             string   `json:"duration"`
	Policy               string   `json:"policy"`
	PolicyARNs           []string `json:"policy_arns"`
	SessionName          string   `json:"session_name"`
	WebIdentityToken     string   `json:"web_identity_token"`
	WebIdentityTokenFile string   `json:"web_identity_token_file"`
}

// SettingError is a provider argument that cannot be used; Argument is its name.
type SettingError struct {
	Argument string
	Err      error
}

func (e *SettingError) Error() string { return e.Argument + ": " + e.Err.Error() }

// Unwrap gives the reason.
func (e *SettingError) Unwrap() error { return e.Err }

// Connect finds credentials, asks AWS who owns them (one request) and checks the account against the lists. The second
// result are warnings. Errors about one argument are a *SettingError.
func Connect(ctx context.Context, s Settings) (*Clients, []string, error) {
	base, err := s.base()
	if err != nil {
		return nil, nil, err
	}
	_, cfg, diags := awsbase.GetAwsConfig(ctx, base)
	warnings := warningsOf(diags)
	if diags.HasError() {
		return nil, warnings, errorOf(diags)
	}
	if err := s.checkRegion(cfg.Region); err != nil {
		return nil, warnings, err
	}
	clients := New(cfg, Options{
		Endpoints: s.endpoints(), S3UsePathStyle: s.S3UsePathStyle, RequestRates: s.RequestRates,
		Waiting: s.Waiting, Failing: s.Failing, IgnoreTag: s.IgnoreTag,
	})
	if err := s.identify(ctx, clients); err != nil {
		return nil, warnings, err
	}
	if id := clients.AccountID(); id != "" {
		return clients, warnings, s.checkAccount(id)
	}
	return clients, warnings, nil
}

// identify learns the account. Credentials are checked with the same request, so there is no second one for it.
func (s *Settings) identify(ctx context.Context, clients *Clients) error {
	if s.SkipRequestingAccountID {
		if len(s.AllowedAccountIDs) == 1 {
			clients.WithAccount(s.AllowedAccountIDs[0])
		}
		return nil
	}
	if err := clients.Verify(ctx); err != nil && !s.SkipCredentialsValidation {
		return err
	}
	return nil
}

// base puts the settings into the words of aws-sdk-go-base. Its request log is off: at
// TRACE it would print the private keys that AWS answers with.
func (s *Settings) base() (*awsbase.Config, error) {
	c := &awsbase.Config{
		AccessKey:                      s.AccessKey,
		SecretKey:                      s.SecretKey,
		Token:                          s.Token,
		CallerName:                     "terraform-provider-iot",
		CallerDocumentationURL:         "https://registry.terraform.io/providers/iot-pipeline/iot/latest/docs",
		CustomCABundle:                 s.CustomCABundle,
		HTTPProxy:                      s.HTTPProxy,
		HTTPSProxy:                     s.HTTPSProxy,
		NoProxy:                        s.NoProxy,
		HTTPProxyMode:                  awsbase.HTTPProxyModeLegacy,
		Insecure:                       s.Insecure,
		EC2MetadataServiceEndpoint:     s.EC2MetadataServiceEndpoint,
		EC2MetadataServiceEndpointMode: s.EC2MetadataServiceEndpointMode,
		MaxRetries:                     DefaultMaxRetries,
		Profile:                        s.Profile,
		Region:                         s.Region,
		SharedConfigFiles:              s.SharedConfigFiles,
		SharedCredentialsFiles:         s.SharedCredentialsFiles,
		SkipCredsValidation:            true,
		SkipRequestingAccountId:        true,
		SuppressDebugLog:               true,
		StsEndpoint:                    s.endpoints()["sts"],
		IamEndpoint:                    s.endpoints()["iam"],
		StsRegion:                      s.STSRegion,
		UseDualStackEndpoint:           s.UseDualStackEndpoint,
		UseFIPSEndpoint:                s.UseFIPSEndpoint,
	}
	if s.UserAgent != "" {
		name, version, _ := strings.Cut(s.UserAgent, "/")
		c.UserAgent = awsbase.UserAgentProducts{{Name: name, Version: version}}
	}
	if s.MaxRetries != nil {
		c.MaxRetries = *s.MaxRetries
	}
	if s.SkipMetadataAPICheck != nil {
		c.EC2MetadataServiceEnableState = imds.ClientEnabled
		if *s.SkipMetadataAPICheck {
			c.EC2MetadataServiceEnableState = imds.ClientDisabled
		}
	}
	if s.RetryMode != "" {
		mode, err := aws.ParseRetryMode(s.RetryMode)
		if err != nil {
			return nil, &SettingError{"retry_mode", err}
		}
		c.RetryMode = mode
	}
	if err := s.checkEndpoints(); err != nil {
		return nil, err
	}
	return c, s.roles(c)
}

// roles fills in the roles to assume.
func (s *Settings) roles(c *awsbase.Config) error {
	for _, r := range s.AssumeRole {
		duration, err := seconds("assume_role.duration", r.Duration)
		if err != nil {
			return err
		}
		c.AssumeRole = append(c.AssumeRole, awsbase.AssumeRole{
			RoleARN:           r.RoleARN,
			Duration:          duration,
			ExternalID:        r.ExternalID,
			Policy:            r.Policy,
			PolicyARNs:        r.PolicyARNs,
			SessionName:       r.SessionName,
			SourceIdentity:    r.SourceIdentity,
			Tags:              r.Tags,
			TransitiveTagKeys: r.TransitiveTagKeys,
		})
	}
	for _, r := range s.AssumeRoleWithWebIdentity {
		duration, err := seconds("assume_role_with_web_identity.duration", r.Duration)
		if err != nil {
			return err
		}
		c.AssumeRoleWithWebIdentity = &awsbase.AssumeRoleWithWebIdentity{
			RoleARN:              r.RoleARN,
			Duration:             duration,
			Policy:               r.Policy,
			PolicyARNs:           r.PolicyARNs,
			SessionName:          r.SessionName,
			WebIdentityToken:     r.WebIdentityToken,
			WebIdentityTokenFile: r.WebIdentityTokenFile,
		}
	}
	return nil
}

func seconds(argument, text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, &SettingError{argument, fmt.Errorf("%q is not a duration such as \"1h\" or \"15m\"", text)}
	}
	return d, nil
}

// endpoints are all endpoints together; several blocks add up.
func (s *Settings) endpoints() map[string]string {
	all := map[string]string{}
	for _, block := range s.Endpoints {
		for service, address := range block {
			if address != "" {
				all[service] = address
			}
		}
	}
	return all
}

func (s *Settings) checkEndpoints() error {
	for service, address := range s.endpoints() {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return &SettingError{
				"endpoints." + service,
				fmt.Errorf("%q is not a URL such as \"https://host:port\"", address),
			}
		}
	}
	return nil
}

// checkRegion finds typing errors before they become "no such host".
func (s *Settings) checkRegion(region string) error {
	if region == "" {
		return &SettingError{
			"region",
			errors.New("there is no region in the provider block, in AWS_REGION or in the shared configuration file; " +
				"set one of them"),
		}
	}
	if s.SkipRegionValidation {
		return nil
	}
	for _, partition := range endpoints.DefaultPartitions() {
		if _, ok := partition.Regions()[region]; ok {
			return nil
		}
	}
	return &SettingError{
		"region",
		fmt.Errorf(
			"%q is not an AWS region; skip_region_validation = true accepts a region that this version does not know",
			region,
		),
	}
}

func (s *Settings) checkAccount(id string) error {
	if slices.Contains(s.ForbiddenAccountIDs, id) {
		return &SettingError{
			"forbidden_account_ids",
			fmt.Errorf("the credentials belong to account %s, which is forbidden. Use credentials for another account",
				id),
		}
	}
	if len(s.AllowedAccountIDs) > 0 && !slices.Contains(s.AllowedAccountIDs, id) {
		return &SettingError{
			"allowed_account_ids",
			fmt.Errorf("the credentials belong to account %s; allowed: %s. Use credentials for an allowed account", id,
				strings.Join(s.AllowedAccountIDs, ", ")),
		}
	}
	return nil
}

func warningsOf(diags diag.Diagnostics) []string {
	var list []string
	for _, d := range diags.Warnings() {
		list = append(list, d.Summary()+": "+d.Detail())
	}
	return list
}

// Root is the argument at the top of the provider block that the error is about.
func (e *SettingError) Root() string {
	root, _, _ := strings.Cut(e.Argument, ".")
	return root
}
