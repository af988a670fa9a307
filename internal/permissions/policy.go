package permissions

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Statement is a statement of an IAM policy, with its condition, if any.
type Statement struct {
	Sid       string
	Effect    string
	Action    []string
	Resource  []string
	Condition map[string]map[string][]string `json:",omitempty"`
}

// Place says what the policy is for. Its members can contain IAM wildcards.
type Place struct {
	Partition, Region, Account, Pipeline string
}

// statement is a row of the table below: actions of one service without its prefix, and resources
// with ${partition}, ${region}, ${account}, ${name} and ${database}, the name as Glue takes it, in them.
type statement struct {
	sid, service, actions string
	resources             []string
	passedTo              []string // services that a role may be passed to
}

// everything is the resource of actions that AWS cannot limit to an object, or whose objects have unpredictable names.
var everything = []string{"*"}

// table lists what the provider can call, service by service, and what AWS requires in addition: tags set at creation,
// and roles that are passed on.
var table = []statement{
	{sid: "Devices", service: "iot", resources: everything, actions: `
		AddThingToThingGroup AttachPolicy AttachThingPrincipal CreateCertificateFromCsr CreatePolicy
		CreatePolicyVersion CreateThing CreateThingGroup CreateThingType CreateTopicRule DeleteCertificate
		DeletePolicy DeletePolicyVersion DeleteThing DeleteThingGroup DeleteThingType DeleteTopicRule
		DeprecateThingType DescribeCertificate DescribeEndpoint DescribeThing DescribeThingGroup DescribeThingType
		DetachPolicy DetachThingPrincipal GetPolicy GetTopicRule ListAttachedPolicies ListCertificates
		ListPolicyVersions ListPrincipalThings ListTagsForResource ListTargetsForPolicy ListThingPrincipals ListThings
		ListThingsInThingGroup ListTopicRules RegisterCACertificate RegisterCertificateWithoutCA
		RemoveThingFromThingGroup ReplaceTopicRule TagResource UntagResource UpdateCertificate UpdateThing
		UpdateThingGroup UpdateThingType`},
	{
		sid:     "SettingsOfGateways",
		service: "iot",
		resources: []string{
			"arn:${partition}:iot:${region}:${account}:thing/*",
		},
		actions: `DeleteThingShadow GetThingShadow UpdateThingShadow`,
	},
	{
		sid:     "Registration",
		service: "iot",
		resources: []string{
			"arn:${partition}:iot:${region}:${account}:provisioningtemplate/${name}",
			"arn:${partition}:iot:${region}:${account}:provisioningtemplate/${name}-jit",
		},
		actions: `
		CreateProvisioningTemplate CreateProvisioningTemplateVersion DeleteProvisioningTemplate
		DeleteProvisioningTemplateVersion DescribeProvisioningTemplate ListProvisioningTemplateVersions
		UpdateProvisioningTemplate`,
	},
	{
		sid:       "RegistrationAuthorities",
		service:   "iot",
		resources: []string{"arn:${partition}:iot:${region}:${account}:cacert/*"},
		actions: `
		DeleteCACertificate DescribeCACertificate UpdateCACertificate`,
	},
	{
		sid:       "Stream",
		service:   "kinesis",
		resources: []string{"arn:${partition}:kinesis:${region}:${account}:stream/${name}"},
		actions: `
		AddTagsToStream CreateStream DecreaseStreamRetentionPeriod DeleteStream DescribeStreamSummary
		IncreaseStreamRetentionPeriod ListTagsForStream RemoveTagsFromStream`,
	},
	{
		sid:     "StreamEncryption",
		service: "kinesis",
		resources: []string{
			"arn:${partition}:kinesis:${region}:${account}:stream/${name}",
			"arn:${partition}:kms:${region}:${account}:key/*",
		},
		actions: `StartStreamEncryption`,
	},
	{sid: "StreamSize", service: "kinesis", resources: everything, actions: `UpdateShardCount UpdateStreamMode`},
	{
		sid:     "DeviceState",
		service: "dynamodb",
		resources: []string{
			"arn:${partition}:dynamodb:${region}:${account}:table/${name}",
			"arn:${partition}:dynamodb:${region}:${account}:table/${name}-allow-list",
			"arn:${partition}:dynamodb:${region}:${account}:table/${name}-readings",
			"arn:${partition}:dynamodb:${region}:${account}:table/${name}-metrics",
			"arn:${partition}:dynamodb:${region}:${account}:table/${name}-commands",
		},
		actions: `
		BatchGetItem CreateTable DeleteItem DeleteTable DescribeContinuousBackups DescribeTable DescribeTimeToLive
		GetItem ListTagsOfResource PutItem Scan TagResource UntagResource UpdateContinuousBackups UpdateItem UpdateTable
		UpdateTimeToLive`,
	},
	{
		sid:     "Archive",
		service: "s3",
		// The buckets of the archive, of the credentials and of what gateways run, and their objects.
		resources: []string{"arn:${partition}:s3:::${name}-${account}-${region}*"},
		actions: `
		CreateBucket DeleteBucket DeleteBucketPolicy DeleteObject DeleteObjectVersion GetBucketLogging
		GetBucketOwnershipControls GetBucketPolicy GetBucketPublicAccessBlock GetBucketTagging GetBucketVersioning
		GetEncryptionConfiguration GetLifecycleConfiguration ListBucket ListBucketVersions PutBucketLogging
		PutBucketOwnershipControls PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging PutBucketVersioning
		PutEncryptionConfiguration PutLifecycleConfiguration`,
	},
	{
		sid:       "CredentialsInABucket",
		service:   "s3",
		resources: []string{"arn:${partition}:s3:::${name}-${account}-${region}-credentials/*"},
		actions:   `GetObject PutObject`,
	},
	{
		sid:       "ArtifactsOfGateways",
		service:   "s3",
		resources: []string{"arn:${partition}:s3:::${name}-${account}-${region}-edge/*"},
		actions:   `GetObject PutObject`,
	},
	{
		sid:     "Components",
		service: "greengrass",
		resources: []string{
			"arn:${partition}:greengrass:${region}:${account}:components:iot.pipeline.${name}.edge",
			"arn:${partition}:greengrass:${region}:${account}:components:iot.pipeline.${name}.edge:versions:*",
		},
		actions: `CreateComponentVersion DeleteComponent DescribeComponent GetComponent ListComponentVersions`,
	},
	// AWS assigns the ID of a deployment.
	{
		sid:       "Deployments",
		service:   "greengrass",
		resources: []string{"arn:${partition}:greengrass:${region}:${account}:deployments:*"},
		actions:   `CancelDeployment DeleteDeployment GetDeployment`,
	},
	{sid: "DeploymentLists", service: "greengrass", resources: everything, actions: `
		CreateDeployment ListDeployments TagResource UntagResource`},
	// Greengrass makes jobs with the caller's rights.
	{sid: "DeploymentJobs", service: "iot", resources: everything, actions: `
		CancelJob CreateJob DeleteThingShadow DescribeJob GetThingShadow UpdateJob UpdateThingShadow`},
	{
		sid:       "RoleAliases",
		service:   "iot",
		resources: []string{"arn:${partition}:iot:${region}:${account}:rolealias/${name}-greengrass"},
		actions:   `CreateRoleAlias DeleteRoleAlias DescribeRoleAlias UpdateRoleAlias`,
	},
	{
		sid:       "Delivery",
		service:   "firehose",
		resources: []string{"arn:${partition}:firehose:${region}:${account}:deliverystream/${name}-*"},
		actions: `
		CreateDeliveryStream DeleteDeliveryStream DescribeDeliveryStream ListTagsForDeliveryStream
		StartDeliveryStreamEncryption TagDeliveryStream UntagDeliveryStream UpdateDestination`,
	},
	{
		sid:     "Tables",
		service: "glue",
		resources: []string{
			"arn:${partition}:glue:${region}:${account}:catalog",
			"arn:${partition}:glue:${region}:${account}:database/${database}",
			"arn:${partition}:glue:${region}:${account}:table/${database}/*",
			"arn:${partition}:glue:${region}:${account}:userDefinedFunction/${database}/*",
		},
		actions: `
		CreateDatabase CreateTable DeleteDatabase DeleteTable GetDatabase GetTable GetTags TagResource UntagResource
		UpdateDatabase UpdateTable`,
	},
	{
		sid:       "ArchiveQueries",
		service:   "athena",
		resources: []string{"arn:${partition}:athena:${region}:${account}:workgroup/${name}"},
		actions: `
		BatchGetNamedQuery CreateNamedQuery CreateWorkGroup DeleteNamedQuery DeleteWorkGroup GetNamedQuery GetWorkGroup
		ListNamedQueries ListTagsForResource TagResource UntagResource UpdateNamedQuery UpdateWorkGroup`,
	},
	{
		sid:     "Alerts",
		service: "sns",
		resources: []string{
			"arn:${partition}:sns:${region}:${account}:${name}-alerts",
			"arn:${partition}:sns:${region}:${account}:${name}-alerts:*",
		},
		actions: `
		CreateTopic DeleteTopic GetSubscriptionAttributes GetTopicAttributes ListSubscriptionsByTopic
		ListTagsForResource SetSubscriptionAttributes SetTopicAttributes Subscribe TagResource Unsubscribe
		UntagResource`,
	},
	{
		sid:     "Queues",
		service: "sqs",
		resources: []string{
			"arn:${partition}:sqs:${region}:${account}:${name}-dead-letters",
			"arn:${partition}:sqs:${region}:${account}:${name}-messages",
		},
		actions: `
		CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue UntagQueue`,
	},
	{
		sid:       "Functions",
		service:   "lambda",
		resources: []string{"arn:${partition}:lambda:${region}:${account}:function:${name}-*"},
		actions: `
		AddPermission CreateFunction DeleteFunction DeleteFunctionEventInvokeConfig GetFunction
		GetFunctionConfiguration GetFunctionEventInvokeConfig GetPolicy PutFunctionEventInvokeConfig RemovePermission
		UpdateFunctionCode UpdateFunctionConfiguration`,
	},
	{sid: "FunctionNetworks", service: "ec2", resources: everything, actions: `
		DescribeSecurityGroups DescribeSubnets DescribeVpcs`},
	{sid: "FunctionSources", service: "lambda", resources: everything, actions: `
		CreateEventSourceMapping DeleteEventSourceMapping GetEventSourceMapping ListEventSourceMappings ListTags
		TagResource UntagResource UpdateEventSourceMapping`},
	{
		sid:     "Alarms",
		service: "cloudwatch",
		resources: []string{
			"arn:${partition}:cloudwatch:${region}:${account}:alarm:${name}-*",
			"arn:${partition}:cloudwatch::${account}:dashboard/${name}-${region}",
		},
		actions: `
		DeleteAlarms DeleteDashboards DescribeAlarms GetDashboard ListTagsForResource PutDashboard PutMetricAlarm
		TagResource UntagResource`,
	},
	{
		sid:     "API",
		service: "apigateway",
		// AWS assigns the ID of an API. The tags of each have a path of their own.
		resources: []string{
			"arn:${partition}:apigateway:${region}::/apis",
			"arn:${partition}:apigateway:${region}::/apis/*",
			"arn:${partition}:apigateway:${region}::/tags/*",
		},
		actions: `DELETE GET PATCH POST PUT`,
	},
	// API Gateway sets up access logs with the caller's rights ["Configure logging for HTTP APIs in API Gateway"].
	{sid: "LogDelivery", service: "logs", resources: everything, actions: `
		CreateLogDelivery DeleteLogDelivery DescribeResourcePolicies GetLogDelivery ListLogDeliveries PutResourcePolicy
		UpdateLogDelivery`},
	{
		sid:     "Logs",
		service: "logs",
		resources: []string{
			"arn:${partition}:logs:${region}:${account}:log-group:/aws/lambda/${name}-*",
			"arn:${partition}:logs:${region}:${account}:log-group:/aws/kinesisfirehose/${name}-*",
			"arn:${partition}:logs:${region}:${account}:log-group:/aws/vendedlogs/apigateway/${name}",
			"arn:${partition}:logs:${region}:${account}:log-group:" +
				"/aws/greengrass/UserComponent/${region}/iot.pipeline.${name}.edge",
		},
		actions: `
		AssociateKmsKey CreateLogGroup CreateLogStream DeleteLogGroup DeleteLogStream DeleteRetentionPolicy
		DescribeLogStreams DisassociateKmsKey ListTagsForResource PutRetentionPolicy TagResource UntagResource`,
	},
	{
		sid:       "Roles",
		service:   "iam",
		resources: []string{"arn:${partition}:iam::${account}:role/${name}-${region}-*"},
		actions: `
		CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy GetRole GetRolePolicy
		ListAttachedRolePolicies ListRolePolicies PutRolePermissionsBoundary PutRolePolicy TagRole UntagRole
		UpdateAssumeRolePolicy UpdateRole`,
	},
	{
		sid:       "HandOnRoles",
		service:   "iam",
		resources: []string{"arn:${partition}:iam::${account}:role/${name}-${region}-*"},
		actions:   `PassRole`,
		passedTo: []string{
			"credentials.iot.amazonaws.com", "firehose.amazonaws.com", "iot.amazonaws.com", "lambda.amazonaws.com",
			"scheduler.amazonaws.com",
		},
	},
	{
		sid:     "Schedules",
		service: "scheduler",
		resources: []string{
			"arn:${partition}:scheduler:${region}:${account}:schedule-group/${name}",
			"arn:${partition}:scheduler:${region}:${account}:schedule/${name}/*",
		},
		actions: `
		CreateSchedule CreateScheduleGroup DeleteSchedule DeleteScheduleGroup GetSchedule GetScheduleGroup
		ListTagsForResource TagResource UntagResource UpdateSchedule`,
	},
	{
		sid:       "ManifestAndCredentials",
		service:   "ssm",
		resources: []string{"arn:${partition}:ssm:${region}:${account}:parameter/iot-pipeline/${name}/*"},
		actions: `
		AddTagsToResource DeleteParameter DeleteParameters GetParameter GetParameters ListTagsForResource PutParameter
		RemoveTagsFromResource`,
	},
	{
		sid:       "CredentialsInSecretsManager",
		service:   "secretsmanager",
		resources: []string{"arn:${partition}:secretsmanager:${region}:${account}:secret:/iot-pipeline/${name}/*"},
		actions: `
		CreateSecret DeleteSecret DescribeSecret GetSecretValue TagResource UntagResource UpdateSecret`,
	},
	{
		sid:     "TimeSeries",
		service: "timestream",
		resources: []string{
			"arn:${partition}:timestream:${region}:${account}:database/${name}",
			"arn:${partition}:timestream:${region}:${account}:database/${name}/table/*",
		},
		actions: `
		CreateDatabase CreateTable DeleteDatabase DeleteTable DescribeDatabase DescribeTable ListTagsForResource
		TagResource UntagResource UpdateDatabase UpdateTable`,
	},
	{
		sid:     "InfluxDB",
		service: "timestream-influxdb",
		// AWS assigns the instance's ID, which is in the ARN.
		resources: []string{"arn:${partition}:timestream-influxdb:${region}:${account}:db-instance/*"},
		actions: `
		DeleteDbInstance GetDbInstance ListTagsForResource TagResource UntagResource UpdateDbInstance`,
	},
	{sid: "InfluxDBLists", service: "timestream-influxdb", resources: everything, actions: `
		CreateDbInstance ListDbInstances`},
	{sid: "TimeSeriesEndpoint", service: "timestream", resources: everything, actions: `DescribeEndpoints`},
	{sid: "TagIndex", service: "tag", resources: everything, actions: `GetResources`},
	{sid: "LogLists", service: "logs", resources: everything, actions: `DescribeLogGroups`},
	{sid: "ParameterLists", service: "ssm", resources: everything, actions: `DescribeParameters`},
	{sid: "SecretLists", service: "secretsmanager", resources: everything, actions: `BatchGetSecretValue ListSecrets`},
}

// Policy returns the smallest policy that lets a person apply, change, import and destroy a pipeline.
func Policy(p Place) []Statement { return fill(table, p) }

// fill returns the rows of a table as statements for a place.
func fill(table []statement, p Place) []Statement {
	fill := strings.NewReplacer("${partition}", p.Partition, "${region}", p.Region, "${account}", p.Account, "${name}",
		p.Pipeline, "${database}", strings.ReplaceAll(p.Pipeline, "-", "_"))
	statements := make([]Statement, 0, len(table))
	for _, row := range table {
		s := Statement{Sid: row.sid, Effect: "Allow"}
		for _, action := range strings.Fields(row.actions) {
			s.Action = append(s.Action, row.service+":"+action)
		}
		for _, resource := range row.resources {
			s.Resource = append(s.Resource, fill.Replace(resource))
		}
		if len(row.passedTo) > 0 {
			s.Condition = map[string]map[string][]string{"StringEquals": {"iam:PassedToService": row.passedTo}}
		}
		statements = append(statements, s)
	}
	return statements
}

// operating lists what iotctl and the provider's actions can call, beside publishing commands.
var operating = []statement{
	{sid: "Rules", service: "iot", resources: []string{"arn:${partition}:iot:${region}:${account}:rule/${database}_*"},
		actions: `DisableTopicRule EnableTopicRule GetTopicRule ListTagsForResource`},
	{sid: "Messages", service: "iot", resources: []string{
		"arn:${partition}:iot:${region}:${account}:topic/${name}/*"}, actions: `Publish`},
	{sid: "Devices", service: "iot", resources: everything, actions: `DescribeEndpoint DescribeThing ListThings`},
	{sid: "DeviceState", service: "dynamodb", resources: []string{
		"arn:${partition}:dynamodb:${region}:${account}:table/${name}"}, actions: `BatchGetItem`},
	{sid: "TestDevice", service: "dynamodb", resources: []string{
		"arn:${partition}:dynamodb:${region}:${account}:table/${name}",
		"arn:${partition}:dynamodb:${region}:${account}:table/${name}-readings"}, actions: `DeleteItem GetItem Query`},
	{sid: "Sources", service: "lambda", resources: everything, actions: `ListEventSourceMappings`},
	{sid: "Archive", service: "s3", resources: []string{
		"arn:${partition}:s3:::${name}-${account}-${region}/telemetry/*"}, actions: `GetObject`},
	{sid: "Manifest", service: "ssm", resources: []string{
		"arn:${partition}:ssm:${region}:${account}:parameter/iot-pipeline/${name}/manifest"}, actions: `GetParameter`},
	{sid: "DeadLetters", service: "sqs", resources: []string{
		"arn:${partition}:sqs:${region}:${account}:${name}-dead-letters"},
		actions: `ChangeMessageVisibility DeleteMessage GetQueueUrl ReceiveMessage`},
	{sid: "BackIntoTheQueue", service: "sqs", resources: []string{
		"arn:${partition}:sqs:${region}:${account}:${name}-messages"}, actions: `GetQueueUrl SendMessage`},
	{sid: "BackIntoTheStream", service: "kinesis", resources: []string{
		"arn:${partition}:kinesis:${region}:${account}:stream/${name}"}, actions: `PutRecords`},
	{sid: "FailedBatches", service: "s3", resources: []string{
		"arn:${partition}:s3:::${name}-${account}-${region}/aws/lambda/*"}, actions: `DeleteObject GetObject`},
	{sid: "LargeDeadLetters", service: "s3", resources: []string{
		"arn:${partition}:s3:::${name}-${account}-${region}/dead-letter/*"}, actions: `GetObject`},
	{sid: "Bucket", service: "s3", resources: []string{"arn:${partition}:s3:::${name}-${account}-${region}"},
		actions: `ListBucket`},
	{sid: "Functions", service: "lambda", resources: []string{
		"arn:${partition}:lambda:${region}:${account}:function:${name}-alerts",
		"arn:${partition}:lambda:${region}:${account}:function:${name}-processor",
		"arn:${partition}:lambda:${region}:${account}:function:${name}-watch"}, actions: `InvokeFunction`},
	{sid: "Pipelines", service: "ssm", resources: everything, actions: `DescribeParameters`},
}

// rotating lists what a rotation of certificates can call.
var rotating = []statement{
	{sid: "Certificates", service: "iot", resources: everything, actions: `
		AttachThingPrincipal CreateCertificateFromCsr DeleteCertificate DescribeCertificate DescribeThing
		DetachThingPrincipal ListAttachedPolicies ListCertificates ListPrincipalThings ListThingPrincipals ListThings
		UpdateCertificate UpdateThing`},
	{sid: "Manifest", service: "ssm", resources: []string{
		"arn:${partition}:ssm:${region}:${account}:parameter/iot-pipeline/${name}/manifest"}, actions: `GetParameter`},
	{sid: "Credentials", service: "ssm", resources: []string{
		"arn:${partition}:ssm:${region}:${account}:parameter/iot-pipeline/${name}/devices/*"},
		actions: `GetParameters PutParameter`},
	{sid: "CredentialsInSecretsManager", service: "secretsmanager", resources: []string{
		"arn:${partition}:secretsmanager:${region}:${account}:secret:/iot-pipeline/${name}/devices/*"},
		actions: `GetSecretValue UpdateSecret`},
	{sid: "SecretsInOneRequest", service: "secretsmanager", resources: everything, actions: `BatchGetSecretValue`},
	{sid: "CredentialsInABucket", service: "s3", resources: []string{
		"arn:${partition}:s3:::${name}-${account}-${region}-credentials/*"}, actions: `GetObject PutObject`},
}

// Rotators returns the smallest policy that lets a person rotate certificates. Its holder can read and write devices'
// credentials.
func Rotators(p Place) []Statement { return fill(rotating, p) }

// RotatorsDocument returns the policy of [Rotators] as JSON, indented for people.
func RotatorsDocument(p Place) (string, error) { return document(Rotators(p)) }

// Operators returns the smallest policy that lets a person operate a pipeline, without the right to change it or to
// read credentials.
func Operators(p Place) []Statement { return fill(operating, p) }

// OperatorsDocument returns the policy of [Operators] as JSON, indented for people.
func OperatorsDocument(p Place) (string, error) { return document(Operators(p)) }

// maxDocument is IAM's limit of a managed policy, in characters that are not white space [IAM quotas].
const maxDocument = 6144

// Documents returns the policy as JSON, indented for people: in the order of the statements, each document as large as
// a managed policy may be.
func Documents(p Place) ([]string, error) {
	var documents []string
	var held []Statement
	for _, s := range Policy(p) {
		text, err := document(append(held[:len(held):len(held)], s))
		if err != nil {
			return nil, err
		}
		if len(held) > 0 && size(text) > maxDocument {
			if text, err = document(held); err != nil {
				return nil, err
			}
			documents, held = append(documents, text), nil
		}
		held = append(held, s)
	}
	text, err := document(held)
	return append(documents, text), err
}

func document(statements []Statement) (string, error) {
	text, err := json.MarshalIndent(struct {
		Version   string
		Statement []Statement
	}{"2012-10-17", statements}, "", "  ")
	if err != nil {
		return "", fmt.Errorf("writing the policy: %w", err)
	}
	return string(text), nil
}

// size counts as IAM does.
func size(document string) int { return len(strings.Join(strings.Fields(document), "")) }
