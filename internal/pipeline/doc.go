// Package pipeline decides what one iot_pipeline consists of: whether its
// description makes sense, what each AWS object is called, what its policy
// documents and SQL say, and which object needs which. It is pure: the same
// description and environment always give the same parts.
//
// It must not know Terraform (its Spec is plain data), and it must not call
// AWS or import its SDK: how a part is made is the drivers' business, and in
// which order the assembly engine's.
package pipeline
