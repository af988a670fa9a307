// Package contract holds the formats that two or more parts of the project
// exchange through AWS: what the provider writes and a Lambda function, the
// local runtime or a device reads. Each format has one definition, here.
//
// It imports the standard library only, so that everything can import it.
package contract
