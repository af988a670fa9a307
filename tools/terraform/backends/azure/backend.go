// Package azure stands in for a state backend of Terraform that the tests do not use.
package azure

import "github.com/hashicorp/terraform/internal/backend"

// New is called only by a configuration with this backend.
func New() backend.Backend {
	panic("this build of Terraform, which is for tests, has no backend azure")
}
