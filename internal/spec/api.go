package spec

// HTTPAPIEndpointOutput is the output of an HTTP API that holds its address, which only AWS knows.
const HTTPAPIEndpointOutput = "endpoint"

// HTTPAPI is an HTTP API of API Gateway, without what is in it. Names are not unique: an API is found by its name and
// the owner token. Its output is HTTPAPIEndpointOutput.
type HTTPAPI struct {
	Description string
	CORS        *CORS // nil: pages of other origins cannot use the API
	Tags        map[string]string
	// Departs is only ever observed: fixed settings that were found different, of "endpoint" (switched off) and
	// "cors_credentials" (browsers send cookies).
	Departs []string
}

// CORS is what API Gateway tells browsers. The lists are sorted.
type CORS struct {
	Origins, Methods, RequestHeaders, ResponseHeaders []string
	MaxAgeSeconds                                     int32
}

// HTTPAPIRoutes is how an HTTP API calls one Lambda function: integration, authorizer, and all routes. Its Ref.Name is
// the API's, and it belongs to whom the API belongs to. There are no other routes.
type HTTPAPIRoutes struct {
	API         string // the API's ID
	FunctionARN string
	// TimeoutMS is how long the gateway waits for the function, in milliseconds.
	TimeoutMS int32
	JWT       *JWTAuthorizer // nil: callers sign their requests with credentials of AWS
	Routes    []HTTPRoute    // sorted by key
	// Departs is only ever observed: "integrations" and "authorizers" that are left over.
	Departs []string
}

// JWTAuthorizer says which tokens the gateway accepts. The list is sorted.
type JWTAuthorizer struct {
	Issuer    string
	Audiences []string
}

// HTTPRoute is a route, such as "GET /v1/devices". The list is sorted.
type HTTPRoute struct {
	Key    string
	Scopes []string // a token has one of them; none: every token will do. Without effect with IAM.
	// Astray is only ever observed: the route does not lead to the function, or another authorization protects it.
	Astray bool
}

// HTTPAPIStage is a stage of an HTTP API that deploys by itself, with access logs and a metric for each route. Its
// Ref.Name is "API|stage".
type HTTPAPIStage struct {
	API         string // the API's ID
	LogGroupARN string
	LogFormat   string
	// Rate and Burst limit the requests to each route: per second, and at once.
	Rate  float64
	Burst int32
	Tags  map[string]string
	// Departs is only ever observed: fixed settings that were found different, of "auto_deploy", "metrics" and
	// "route_settings" (of single routes).
	Departs []string
}
