package awsapi

import "context"

// Call is one operation of a service.
//
// A service with many operations is a struct of those that the project uses, not the SDK's client. Terraform's plugin
// library and Protobuf look for methods by name, so the linker keeps all methods of a type that an interface may hold,
// and the provider had all operations of IoT, IAM and Glue. A field holds one method.
type Call[I, P, O any] func(ctx context.Context, in *I, options ...func(*P)) (*O, error)
