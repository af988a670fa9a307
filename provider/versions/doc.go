// Package versions tests what only some versions of Terraform or OpenTofu have, on those that have it: identity, list
// resources, ephemeral resources and actions. All of it runs on a local AWS.
package versions
