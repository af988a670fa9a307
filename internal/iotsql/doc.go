// Package iotsql is the SQL of the AWS IoT rules engine: it checks rules, conditions and substitution templates, explains what
// is wrong with them, and evaluates them against messages without AWS. It must not know Terraform, AWS SDKs or what a rule's
// actions do.
package iotsql
