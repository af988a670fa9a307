package provider

import (
	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// configuration is the schema of the provider block: names and meaning are those of hashicorp/aws.
func configuration() schema.Schema {
	return schema.Schema{
		MarkdownDescription: "Whole AWS IoT telemetry pipelines as one resource. Credentials, region and the other " +
			"settings of the account are given as to the `hashicorp/aws` provider: in this block, in the " +
			"environment, or in the shared configuration files.",
		Attributes: attributes(),
		Blocks: map[string]schema.Block{
			"assume_role":                   assumeRole(),
			"assume_role_with_web_identity": webIdentity(),
			"default_tags": single("Tags of every object that the provider makes.", map[string]schema.Attribute{
				"tags": texts("Tags by key. A resource's own `tags` win over these."),
			}),
			"ignore_tags": single(
				"Tags that others manage: they are neither set, changed nor removed.",
				map[string]schema.Attribute{
					"keys":         textSet("Keys of tags to ignore."),
					"key_prefixes": textSet("Beginnings of keys of tags to ignore."),
				},
			),
			"endpoints": endpointsBlock(),
		},
	}
}

func attributes() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"region": text(
			"AWS region, such as `eu-west-1`. Default: `AWS_REGION`, then the shared configuration file. A pipeline " +
				"may name another one.",
		),
		"profile": text(
			"Profile of the shared configuration and credentials files. Default: `AWS_PROFILE`.",
		),
		"shared_config_files":      textList("Paths of shared configuration files. Default: `~/.aws/config`."),
		"shared_credentials_files": textList("Paths of shared credentials files. Default: `~/.aws/credentials`."),
		"access_key": text(
			"Access key ID. Default: `AWS_ACCESS_KEY_ID`, then the other sources of the AWS SDK.",
		),
		"secret_key": secret("Secret access key that belongs to `access_key`."),
		"token": secret(
			"Session token that belongs to `access_key`; only for temporary credentials.",
		),

		"max_retries": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "How often a request is sent at most when AWS answers with throttling or a passing " +
				"error. Default: 25.",
		},
		"retry_mode": text("How the AWS SDK spaces retries: `standard` (default) or `adaptive`."),
		"custom_ca_bundle": text(
			"Path of a PEM file with the certificate authorities to trust. Default: `AWS_CA_BUNDLE`.",
		),
		"http_proxy": text(
			"URL of the proxy for HTTP requests, and for HTTPS when `https_proxy` is not set. Default: `HTTP_PROXY`.",
		),
		"https_proxy": text("URL of the proxy for HTTPS requests. Default: `HTTPS_PROXY`."),
		"no_proxy": text(
			"Hosts that are reached without the proxy, separated by commas. Default: `NO_PROXY`.",
		),
		"insecure": flag("Accept any TLS certificate of an endpoint. Default: `false`."),
		"s3_use_path_style": flag(
			"Put the bucket in the path of S3 URLs and not in the host name; emulators need it. Default: `false`.",
		),
		"sts_region":             text("Region of the STS endpoint. Default: `region`."),
		"use_dualstack_endpoint": flag("Use endpoints with IPv6. Default: `false`."),
		"use_fips_endpoint":      flag("Use FIPS endpoints. Default: `false`."),
		"skip_region_validation": flag(
			"Accept a region that this version of the provider does not know. Default: `false`.",
		),
		"skip_metadata_api_check": flag(
			"`true`: do not ask the EC2 metadata service for credentials; `false`: always ask. Default: as " +
				"`AWS_EC2_METADATA_DISABLED` says.",
		),
		"allowed_account_ids": textSet(
			"Accounts that may be worked in: with credentials of any other account every operation fails before its " +
				"first request.",
		),
		"forbidden_account_ids": textSet("Accounts that must not be worked in."),
		"skip_credentials_validation": flag(
			"Go on when AWS does not say whose the credentials are. For emulators without STS. Default: `false`.",
		),
		"skip_requesting_account_id": flag(
			"Do not ask AWS for the account. A pipeline's ARNs need the account, so exactly one must then be listed " +
				"in `allowed_account_ids`. For emulators without STS. Default: `false`.",
		),
		"ec2_metadata_service_endpoint": text(
			"URL of the EC2 metadata service. Default: `AWS_EC2_METADATA_SERVICE_ENDPOINT`.",
		),
		"ec2_metadata_service_endpoint_mode": text(
			"`IPv4` or `IPv6`. Default: `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`.",
		),
		"request_rates": schema.MapAttribute{Optional: true, ElementType: types.Float64Type,
			MarkdownDescription: "Requests per second by `service:Operation`, such as `\"iot:CreateThing\" = 50` " +
				"where AWS has raised a quota; `\"iot:*\"` holds for all operations of a service together that have " +
				"no rate of their own; `0` lifts a limit. Default: AWS's default quotas."},
	}
}

func assumeRole() schema.Block {
	return schema.ListNestedBlock{
		MarkdownDescription: "A role to work in. Several blocks are a chain: each role is assumed with the " +
			"credentials of the one before.",
		NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
			"role_arn": text("ARN of the role."),
			"duration": text(
				"How long the credentials hold, such as `1h` or `15m`. Default: as the role says.",
			),
			"external_id":  text("External ID that the role's trust policy asks for."),
			"policy":       text("JSON policy that narrows what the session may do."),
			"policy_arns":  textSet("ARNs of managed policies that narrow what the session may do."),
			"session_name": text("Name of the session, as shown in CloudTrail."),
			"source_identity": text(
				"Source identity, as shown in CloudTrail; it cannot change along the chain.",
			),
			"tags":                texts("Session tags."),
			"transitive_tag_keys": textSet("Keys of session tags that are handed along the chain."),
		}},
	}
}

func webIdentity() schema.Block {
	return single(
		"A role that is assumed with a token of an OpenID Connect provider, before the roles of `assume_role`.",
		map[string]schema.Attribute{
			"role_arn":           text("ARN of the role. Default: `AWS_ROLE_ARN`."),
			"duration":           text("How long the credentials hold, such as `1h`. Default: as the role says."),
			"policy":             text("JSON policy that narrows what the session may do."),
			"policy_arns":        textSet("ARNs of managed policies that narrow what the session may do."),
			"session_name":       text("Name of the session, as shown in CloudTrail."),
			"web_identity_token": secret("The token."),
			"web_identity_token_file": text(
				"Path of a file that holds the token. Default: `AWS_WEB_IDENTITY_TOKEN_FILE`.",
			),
		},
	)
}

func endpointsBlock() schema.Block {
	services := map[string]schema.Attribute{}
	for _, service := range awsapi.EndpointServices {
		services[service] = text("URL of the " + service + " service in place of AWS's own.")
	}
	return schema.ListNestedBlock{
		MarkdownDescription: "URLs to send requests to in place of AWS's own, by service. Default: " +
			"`AWS_ENDPOINT_URL_<SERVICE>`, then `AWS_ENDPOINT_URL`.",
		NestedObject: schema.NestedBlockObject{Attributes: services},
	}
}

func single(description string, attributes map[string]schema.Attribute) schema.Block {
	return schema.ListNestedBlock{
		MarkdownDescription: description,
		Validators:          []validator.List{listvalidator.SizeAtMost(1)},
		NestedObject:        schema.NestedBlockObject{Attributes: attributes},
	}
}

func text(description string) schema.Attribute {
	return schema.StringAttribute{Optional: true, MarkdownDescription: description}
}

func secret(description string) schema.Attribute {
	return schema.StringAttribute{Optional: true, Sensitive: true, MarkdownDescription: description}
}

func flag(description string) schema.Attribute {
	return schema.BoolAttribute{Optional: true, MarkdownDescription: description}
}

func texts(description string) schema.Attribute {
	return schema.MapAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

func textList(description string) schema.Attribute {
	return schema.ListAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}

func textSet(description string) schema.Attribute {
	return schema.SetAttribute{Optional: true, ElementType: types.StringType, MarkdownDescription: description}
}
