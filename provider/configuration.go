package provider

import (
	"maps"

	"github.com/hashicorp/terraform-plugin-framework-validators/listvalidator"
	"github.com/hashicorp/terraform-plugin-framework/provider/schema"
	"github.com/hashicorp/terraform-plugin-framework/schema/validator"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
)

// configuration is the schema of the provider block: names and meaning are those of hashicorp/aws.
func configuration() schema.Schema {
	attributes := credentialArguments()
	maps.Copy(attributes, behaviour())
	return schema.Schema{
		MarkdownDescription: "Manages whole AWS IoT telemetry pipelines, each as one resource. Credentials, region " +
			"and the other account settings work as in the `hashicorp/aws` provider: set them in this block, in the " +
			"environment, or in the shared configuration files.",
		Attributes: attributes,
		Blocks: map[string]schema.Block{
			"assume_role":                   assumeRole(),
			"assume_role_with_web_identity": webIdentity(),
			"default_tags": single("Tags for all objects that the provider creates.", map[string]schema.Attribute{
				"tags": texts("Map of tags. A resource's own `tags` override these."),
			}),
			"ignore_tags": single(
				"Tags that the provider ignores: it neither sets, changes nor removes them.",
				map[string]schema.Attribute{
					"keys":         textSet("Tag keys to ignore."),
					"key_prefixes": textSet("Prefixes of tag keys to ignore."),
				},
			),
			"endpoints": endpointsBlock(),
		},
	}
}

// credentialArguments are where the provider works, and as whom.
func credentialArguments() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"region": text(
			"AWS region, such as `eu-west-1`. Defaults to `AWS_REGION`, then the shared configuration file. A " +
				"pipeline can override it.",
		),
		"profile": text("Profile of the shared configuration and credentials files. Defaults to " +
			"`AWS_PROFILE`."),
		"shared_config_files":      textList("Paths of shared configuration files. Defaults to `~/.aws/config`."),
		"shared_credentials_files": textList("Paths of shared credentials files. Defaults to `~/.aws/credentials`."),
		"access_key": text("Access key ID. Defaults to `AWS_ACCESS_KEY_ID`, then the other sources of " +
			"the AWS SDK."),
		"secret_key": secret("Secret access key for `access_key`."),
		"token":      secret("Session token for `access_key`. Required for temporary credentials."),
	}
}

// behaviour is how requests are made and what is checked before the first of them.
func behaviour() map[string]schema.Attribute {
	return map[string]schema.Attribute{
		"max_retries": schema.Int64Attribute{
			Optional: true,
			MarkdownDescription: "Maximum number of times a request is sent if AWS throttles it or returns a " +
				"transient error. Defaults to `25`.",
		},
		"retry_mode": text("Retry mode of the AWS SDK: `standard` (default) or `adaptive`."),
		"custom_ca_bundle": text(
			"Path to a PEM file with the certificate authorities to trust. Defaults to `AWS_CA_BUNDLE`.",
		),
		"http_proxy": text(
			"URL of the proxy for HTTP, and for HTTPS if `https_proxy` is not set. Defaults to `HTTP_PROXY`.",
		),
		"https_proxy": text("URL of the proxy for HTTPS requests. Defaults to `HTTPS_PROXY`."),
		"no_proxy":    text("Comma-separated list of hosts that do not use the proxy. Defaults to `NO_PROXY`."),
		"insecure":    flag("Whether to accept any TLS certificate. Defaults to `false`."),
		"s3_use_path_style": flag(
			"Whether to put the bucket in the path of S3 URLs, for emulators. Defaults to `false`.",
		),
		"sts_region":             text("Region of the STS endpoint. Defaults to `region`."),
		"use_dualstack_endpoint": flag("Whether to use dual-stack endpoints (IPv4 and IPv6). Defaults to `false`."),
		"use_fips_endpoint":      flag("Whether to use FIPS endpoints. Defaults to `false`."),
		"skip_region_validation": flag(
			"Whether to accept a region that this version of the provider does not know. Defaults to `false`.",
		),
		"skip_metadata_api_check": flag(
			"Whether to skip the EC2 metadata service when looking for credentials; `false` always uses it. " +
				"Defaults to `AWS_EC2_METADATA_DISABLED`.",
		),
		"allowed_account_ids": textSet(
			"IDs of the allowed AWS accounts. With credentials for another account, every operation fails before its " +
				"first request.",
		),
		"forbidden_account_ids": textSet("IDs of forbidden AWS accounts."),
		"skip_credentials_validation": flag(
			"Whether to continue if STS cannot validate the credentials, for emulators without it. Defaults to " +
				"`false`.",
		),
		"skip_requesting_account_id": flag(
			"Whether to skip requesting the account ID, for emulators without STS. A pipeline's ARNs contain the " +
				"account ID, so `allowed_account_ids` must then list exactly one. Defaults to `false`.",
		),
		"ec2_metadata_service_endpoint": text(
			"URL of the EC2 metadata service. Defaults to `AWS_EC2_METADATA_SERVICE_ENDPOINT`.",
		),
		"ec2_metadata_service_endpoint_mode": text(
			"`IPv4` or `IPv6`. Defaults to `AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE`.",
		),
		"request_rates": schema.MapAttribute{Optional: true, ElementType: types.Float64Type,
			MarkdownDescription: "Maximum requests per second by `service:Operation`, such as `\"iot:CreateThing\" = " +
				"50` if AWS has raised a quota. `\"iot:*\"` limits all operations of a service together that have no " +
				"rate of their own; `0` removes a limit. Defaults to AWS's default quotas."},
	}
}

func assumeRole() schema.Block {
	return schema.ListNestedBlock{
		MarkdownDescription: "IAM role to assume. Multiple blocks form a chain: each role is assumed with the " +
			"credentials of the previous one.",
		NestedObject: schema.NestedBlockObject{Attributes: map[string]schema.Attribute{
			"role_arn":            text("ARN of the role."),
			"duration":            text("Duration of the session, such as `1h` or `15m`. Defaults to `15m`."),
			"external_id":         text("External ID that the role's trust policy requires."),
			"policy":              text("JSON policy that further restricts the session's permissions."),
			"policy_arns":         textSet("ARNs of managed policies that further restrict the session's permissions."),
			"session_name":        text("Session name, as shown in CloudTrail."),
			"source_identity":     text("Source identity, as shown in CloudTrail. It cannot change within a chain."),
			"tags":                texts("Session tags."),
			"transitive_tag_keys": textSet("Keys of session tags that are passed on to the next role in a chain."),
		}},
	}
}

func webIdentity() schema.Block {
	return single(
		"IAM role to assume with an OpenID Connect token, before the roles of `assume_role`.",
		map[string]schema.Attribute{
			"role_arn":           text("ARN of the role. Defaults to `AWS_ROLE_ARN`."),
			"duration":           text("Duration of the session, such as `15m`. Defaults to `1h`."),
			"policy":             text("JSON policy that further restricts the session's permissions."),
			"policy_arns":        textSet("ARNs of managed policies that further restrict the session's permissions."),
			"session_name":       text("Session name, as shown in CloudTrail."),
			"web_identity_token": secret("OpenID Connect token."),
			"web_identity_token_file": text(
				"Path to a file with the token. Defaults to `AWS_WEB_IDENTITY_TOKEN_FILE`.",
			),
		},
	)
}

func endpointsBlock() schema.Block {
	services := map[string]schema.Attribute{}
	for _, service := range awsapi.EndpointServices {
		services[service] = text("Custom endpoint URL of the " + service + " service.")
	}
	return schema.ListNestedBlock{
		MarkdownDescription: "Custom endpoint URLs, by service. Defaults to " +
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
