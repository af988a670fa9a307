package needs

// API is what the device management API calls.
var API = []Need{
	{Action: "dynamodb:GetItem", On: DeviceTable},
	{Action: "dynamodb:BatchGetItem", On: DeviceTable},
	{Action: "dynamodb:Scan", On: DeviceTable},
	{Action: "dynamodb:UpdateItem", On: DeviceTable}, // overrides of thresholds
	{Action: "dynamodb:DeleteItem", On: DeviceTable},
	{Action: "dynamodb:Query", On: DeviceIndex},
	{Action: "dynamodb:Query", On: StatusDeviceIndex},
	// TransactWriteItems is authorised as the writes in it [DynamoDB IAM and transactions].
	{Action: "dynamodb:GetItem", On: CommandsTable},
	{Action: "dynamodb:PutItem", On: CommandsTable},
	{Action: "dynamodb:UpdateItem", On: CommandsTable},
	{Action: "dynamodb:Query", On: CommandsTable},
	{Action: "dynamodb:Query", On: ReadingsTable},
	{Action: "dynamodb:Query", On: MetricsTable},
	{Action: "iot:Publish", On: CommandTopics},
	// The function looks at the owner of a thing before it touches its shadows.
	{Action: "iot:DescribeThing", On: AnyThing},
	{Action: "iot:ListThingPrincipals", On: AnyThing},
	{Action: "iot:DescribeCertificate", On: AnyCertificate},
	{Action: "iot:GetThingShadow", On: AnyThing},
	{Action: "iot:UpdateThingShadow", On: AnyThing},
	{Action: "iot:ListNamedShadowsForThing", On: AnyThing},
	{Action: "cloudwatch:GetMetricData", On: Anything}, // has no resource

	{Action: "logs:CreateLogStream", On: LogStreams, ByLambda: true},
	{Action: "logs:PutLogEvents", On: LogStreams, ByLambda: true},
}
