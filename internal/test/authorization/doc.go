// Package authorization holds policy documents against AWS's service authorization reference: which actions there are,
// which resources each can be limited to, and which condition keys it has. IAM takes a policy that breaks these rules,
// and the statement then allows nothing.
//
// The reference is a dated copy, reference.json, made by the command in generate. The package is for tests and knows
// nothing of pipelines.
package authorization
