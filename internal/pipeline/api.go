package pipeline

import (
	"errors"
	"slices"
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/assembly"
	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/lambda/needs"
)

// Values of api.auth.
const (
	AuthIAM = "iam"
	AuthJWT = "jwt"
)

// Arguments of the api block. What the throttle may be is what API Gateway gives an account.
var (
	APIAuths    = Choice{Values: []string{AuthIAM, AuthJWT}, Default: AuthIAM}
	APIRate     = Limit{Min: 1, Max: 10_000, Default: value(100), Source: "API Gateway"}
	APIBurst    = Limit{Min: 1, Max: 5_000, Default: value(200), Source: "API Gateway"}
	APIMemoryMB = Limit{Min: 128, Max: 10_240, Default: value(512), Source: "Lambda"}
)

const (
	// KeyAPI is the part that knows the API's ID and address only when it exists.
	KeyAPI = "api/gateway"

	// The gateway gives up after 30 s [Quotas for HTTP APIs]; the function ends before, and says why.
	apiTimeoutMS      = 30_000
	apiTimeoutSeconds = 29
	// corsMaxAgeSeconds is how long a browser need not ask again.
	corsMaxAgeSeconds = 3600
)

// APISpec is the HTTP API for applications.
type APISpec struct {
	Auth                   *string       `json:"auth,omitzero"`
	JWT                    *JWTSpec      `json:"jwt,omitzero"`
	CORSOrigins            []string      `json:"cors_origins,omitzero"`
	Throttle               *ThrottleSpec `json:"throttle,omitzero"`
	AccessLogRetentionDays *int64        `json:"access_log_retention_days,omitzero"`
	MemoryMB               *int64        `json:"memory_mb,omitzero"`
	Package                *string       `json:"package,omitzero"` // path of a zip that replaces the shipped function
}

// JWTSpec says which tokens the API accepts.
type JWTSpec struct {
	Issuer      *string  `json:"issuer,omitzero"`
	Audiences   []string `json:"audiences,omitzero"`
	ReadScopes  []string `json:"read_scopes,omitzero"`
	WriteScopes []string `json:"write_scopes,omitzero"`
}

// ThrottleSpec limits the requests to each route.
type ThrottleSpec struct {
	Rate  *int64 `json:"rate,omitzero"`
	Burst *int64 `json:"burst,omitzero"`
}

// api is the device management API: an HTTP API, the function behind it, and the table of commands. It exists when its
// block is written.
func api() capability {
	return capability{
		shapes: []shape{
			{arguments: []string{"api"}, parts: true, outputs: []string{"api_id", "api_endpoint", "function_arns",
				"rule_arns"}},
		},
		defaults: func(s *Spec) {
			if s.API != nil {
				s.API = s.API.defaults()
			}
		},
		check: func(c *checker, s Spec) { c.checkAPI(s.API) },
		parts: func(b *builder) []assembly.Part {
			if !b.hasAPI() {
				return nil
			}
			return []assembly.Part{b.commandsTable(), b.apiGateway(), b.accessLogs(), b.apiRoutes(), b.apiStage()}
		},
		rules: func(b *builder) []ownRule {
			if !b.hasAPI() {
				return nil
			}
			return []ownRule{b.commandResultsRule()}
		},
		function: &function{
			name: "api", exists: (*builder).hasAPI, configure: (*builder).apiFunction,
			replacement: func(b *builder) *string { return b.config.API.Package },
			parts:       []string{"api/commands", "device_table"},
			late: func(*builder) *lateSettings {
				return &lateSettings{part: KeyAPI, permissions: apiPermission}
			},
		},
		resources: func(b *builder) map[needs.Resource]string {
			if !b.hasAPI() {
				return nil
			}
			return map[needs.Resource]string{
				needs.CommandsTable:     b.arn.table(b.names.commands()),
				needs.StatusDeviceIndex: b.arn.table(b.names.pipeline) + "/index/" + contract.StatusDeviceIndex,
				needs.AnyThing:          b.arn.thing("*"),
				needs.AnyCertificate:    b.arn.cert("*"),
			}
		},
		outputs: func(b *builder, recorded assembly.Upstream, out *Outputs) {
			if r := recorded[KeyAPI]; b.hasAPI() && r.ID != "" {
				out.APIID, out.APIEndpoint = ptr(r.ID), ptr(r.Outputs[spec.HTTPAPIEndpointOutput])
			}
		},
	}
}

func (b *builder) hasAPI() bool { return b.config.API != nil }

func (s *APISpec) defaults() *APISpec {
	a := block(s)
	a.Auth = APIAuths.Or(a.Auth)
	a.Throttle = block(a.Throttle)
	a.Throttle.Rate = APIRate.Or(a.Throttle.Rate)
	a.Throttle.Burst = APIBurst.Or(a.Throttle.Burst)
	a.AccessLogRetentionDays = FunctionLogRetentionDays.Or(a.AccessLogRetentionDays)
	a.MemoryMB = APIMemoryMB.Or(a.MemoryMB)
	return a
}

// commandsTable holds what was sent to devices and what they answered.
func (b *builder) commandsTable() assembly.Part {
	name := b.names.commands()
	return b.part("api/commands", spec.KindTable, name, b.arn.table(name), nil, spec.Table{
		HashKey:      contract.DeviceKey,
		RangeKey:     contract.CommandKey,
		TTLAttribute: contract.ExpiryAttribute,
		// Its items expire after a month; a backup of 35 days would cost more than they do.
		PointInTimeRecovery: false,
		Tags:                b.env.Tags,
	})
}

func (b *builder) apiFunction() spec.Function {
	e := map[string]string{
		contract.EnvCommandsTable: b.names.commands(),
		contract.EnvDataEndpoint:  b.env.DataEndpoint,
		contract.EnvOwner:         b.env.Owner,
	}
	if b.hasEdge() {
		e[contract.EnvGateways] = contract.GatewayValue
	}
	if b.hasRecent() {
		e[contract.EnvReadingsTable] = b.names.readings()
	}
	if b.hasMetrics() {
		e[contract.EnvMetricsTable] = b.names.metrics()
	}
	return spec.Function{
		Description:    "Device management API of pipeline " + b.config.Name,
		MemoryMB:       int32(*b.config.API.MemoryMB),
		TimeoutSeconds: apiTimeoutSeconds,
		Environment:    e,
	}
}

// apiID returns the ID of the API, which only AWS knows.
func apiID(gateway assembly.Record) (string, error) {
	if gateway.ID == "" {
		return "", errors.New("the record of the HTTP API holds no ID")
	}
	return gateway.ID, nil
}

// apiPermission lets this API and no other call the function, for paths below /v1 of its only stage.
func apiPermission(b *builder, gateway assembly.Record) ([]spec.Permission, error) {
	id, err := apiID(gateway)
	if err != nil {
		return nil, err
	}
	return []spec.Permission{{
		StatementID: "api", Principal: "apigateway.amazonaws.com", SourceAccount: b.env.AccountID,
		SourceARN: b.arn.in("execute-api", id+"/"+contract.APIStage+"/*/v1/*"),
	}}, nil
}

// commandResultsRule wraps what devices answer to commands.
func (b *builder) commandResultsRule() ownRule {
	return b.toStream(ownRule{
		key: contract.CommandResultsRule, topic: commandResults,
		description: "Answers of devices of pipeline " + b.config.Name + " to commands, to its " + b.source(),
		sql:         constant(b.envelope("result", b.thingCall()) + " FROM " + b.from("commands/+/result")),
	}, b.thingCall())
}

// commandResults ends the topics on which a device answers commands, as in a policy.
const commandResults = "commands/*/result"

func (b *builder) apiGateway() assembly.Part {
	return b.part(KeyAPI, spec.KindHTTPAPI, b.names.pipeline, "", nil, spec.HTTPAPI{
		Description: "Device management API of pipeline " + b.config.Name,
		CORS:        b.cors(),
		Tags:        b.env.Tags,
	})
}

// cors lets the pages of the given origins send what the API understands, and read what it answers.
func (b *builder) cors() *spec.CORS {
	origins := b.config.API.CORSOrigins
	if len(origins) == 0 {
		return nil
	}
	return &spec.CORS{
		Origins: slices.Sorted(slices.Values(origins)),
		Methods: []string{"DELETE", "GET", "PATCH", "POST", "PUT"},
		RequestHeaders: []string{"authorization", "content-type", "idempotency-key", "if-match", "if-none-match",
			"x-amz-content-sha256", "x-amz-date", "x-amz-security-token"},
		ResponseHeaders: []string{"etag", "location", "retry-after"},
		MaxAgeSeconds:   corsMaxAgeSeconds,
	}
}

// accessLogs is a group whose name begins as those that AWS services deliver to: one policy of the account covers all
// of them, while others add to a policy that cannot grow without end.
func (b *builder) accessLogs() assembly.Part {
	name := b.names.accessLogGroup()
	return b.part("api/access_logs", spec.KindLogGroup, name, b.arn.logGroup(name), nil,
		spec.LogGroup{RetentionDays: int32(*b.config.API.AccessLogRetentionDays), Tags: b.env.Tags})
}

func (b *builder) apiRoutes() assembly.Part {
	desired := spec.HTTPAPIRoutes{FunctionARN: b.arn.function(b.names.function("api")), TimeoutMS: apiTimeoutMS}
	var read, write []string
	if *b.config.API.Auth == AuthJWT {
		j := block(b.config.API.JWT)
		desired.JWT = &spec.JWTAuthorizer{Issuer: deref(j.Issuer), Audiences: slices.Sorted(slices.Values(j.Audiences))}
		read, write = slices.Sorted(slices.Values(j.ReadScopes)), slices.Sorted(slices.Values(j.WriteScopes))
	}
	for _, r := range contract.APIRoutes() {
		scopes := read
		if r.Writes {
			scopes = write
		}
		desired.Routes = append(desired.Routes, spec.HTTPRoute{Key: r.Key(), Scopes: scopes})
	}
	slices.SortFunc(desired.Routes, func(a, b spec.HTTPRoute) int { return strings.Compare(a.Key, b.Key) })
	part := b.part("api/routes", spec.KindHTTPAPIRoutes, b.names.pipeline, "", []string{KeyAPI, "function/api"}, nil)
	part.Want = func(up assembly.Upstream) (_ any, err error) {
		w := desired
		w.API, err = apiID(up[KeyAPI])
		return w, err
	}
	return part
}

// accessLogFormat has who called what and how it ended, and no header: a token is in one.
const accessLogFormat = `{"request_id":"$context.requestId","time":"$context.requestTime",` +
	`"ip":"$context.identity.sourceIp","caller":"$context.identity.userArn",` +
	`"subject":"$context.authorizer.claims.sub","route":"$context.routeKey","path":"$context.path",` +
	`"status":"$context.status","bytes":"$context.responseLength","latency_ms":$context.responseLatency,` +
	`"function_ms":"$context.integrationLatency","error":"$context.error.message",` +
	`"function_error":"$context.integrationErrorMessage","authorizer_error":"$context.authorizer.error"}`

func (b *builder) apiStage() assembly.Part {
	throttle := b.config.API.Throttle
	desired := spec.HTTPAPIStage{
		LogGroupARN: b.arn.logGroup(b.names.accessLogGroup()), LogFormat: accessLogFormat,
		Rate: float64(*throttle.Rate), Burst: int32(*throttle.Burst), Tags: b.env.Tags,
	}
	part := b.part("api/stage", spec.KindHTTPAPIStage, spec.NameIn(b.names.pipeline, contract.APIStage), "",
		[]string{"api/access_logs", KeyAPI, "api/routes"}, nil)
	part.Want = func(up assembly.Upstream) (_ any, err error) {
		w := desired
		w.API, err = apiID(up[KeyAPI])
		return w, err
	}
	return part
}
