// Package client is a client of the device management API, generated from the API's OpenAPI document.
//
// NewClientWithResponses takes the output api_endpoint of a pipeline. With auth = "jwt", WithRequestEditorFn adds the
// token; with auth = "iam", Sign makes one that signs requests. An answer that is not what was asked for is a Problem
// (RFC 9457), whose type tells why.
//
// The package knows nothing of the pipeline beyond the document, and imports nothing else of this project.
package client

//go:generate go -C .. tool -modfile=tools/go.mod oapi-codegen -config client/models.yaml lambda/api/openapi.json
//go:generate go -C .. tool -modfile=tools/go.mod oapi-codegen -config client/client.yaml lambda/api/openapi.json
