package pipeline

import "github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"

// api is the device management API, for applications.
func api() capability {
	return capability{
		arguments: attributes{
			"api": object("The device management API: an HTTP API for applications, with the devices and their "+
				"status, readings, commands, configuration, shadows, thresholds and alerts. `GET /v1/openapi.json` "+
				"describes it. Removing the block deletes the API, whose address never comes back, and the table of "+
				"commands.",
				attributes{
					"auth": choice("Who may call: `iam` means requests that are signed with credentials of AWS which "+
						"may call `execute-api:Invoke`, `jwt` those with a token in the header `Authorization`.",
						pipeline.APIAuths),
					"jwt": object("Tokens that the API accepts, with `auth = \"jwt\"`. API Gateway verifies them.",
						attributes{
							"issuer": optional("Address of the issuer, which tokens have as `iss`, such as " +
								"`https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf`. AWS reads its keys " +
								"when the API is created."),
							"audiences": textSet("A token has one of these as `aud` or `client_id`."),
							"read_scopes": textSet("To read, a token has one of these scopes. Without them, every " +
								"token will do."),
							"write_scopes": textSet("To send commands and change anything, a token has one of these " +
								"scopes. Without them, every token will do."),
						}),
					"cors_origins": textSet("Origins of web pages that may use the API, such as " +
						"`https://app.example.com`, or `*` for all. Defaults to none."),
					"throttle": object("What the gateway lets through to each route; it answers 429 to the rest.",
						attributes{
							"rate":  number("Requests per second.", pipeline.APIRate),
							"burst": number("Requests at once.", pipeline.APIBurst),
						}),
					"access_log_retention_days": number("Days that the access logs are kept: who called what, when, "+
						"and how it ended.", pipeline.FunctionLogRetentionDays),
					"memory_mb": number("Memory of the function.", pipeline.APIMemoryMB),
					"package": optional("Path of a zip file that replaces the shipped function. It is read during " +
						"the plan. If it is no longer there, the function keeps its code."),
				}),
		},
		computed: attributes{
			"api_endpoint": result("Address of the device management API, without `/v1`. Null without `api`."),
			"api_id":       result("ID of the HTTP API. Null without `api`."),
		},
	}
}
