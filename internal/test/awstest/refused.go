package awstest

import "github.com/aws/smithy-go"

// Refused is AWS's answer to a request that it refuses.
func Refused(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message}
}

// Failed is err as the SDK returns it from an operation of a service.
func Failed(service, operation string, err error) error {
	return &smithy.OperationError{ServiceID: service, OperationName: operation, Err: err}
}
