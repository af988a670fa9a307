package pipeline

import (
	"strings"

	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
)

// S3CannedACLs are the values of canned_acl [AWS 2.1 S3].
var S3CannedACLs = Choice{Values: []string{"private", "public-read", "public-read-write", "aws-exec-read",
	"authenticated-read", "bucket-owner-read", "bucket-owner-full-control", "log-delivery-write"}}

// S3Route writes one object per message.
type S3Route struct {
	BucketName string  `json:"bucket_name"`
	Key        string  `json:"key"` // template
	CannedACL  *string `json:"canned_acl,omitzero"`
}

func (a *S3Route) desired(role string) spec.Action {
	return spec.Action{S3: &spec.S3Action{
		RoleARN: role, Bucket: a.BucketName, Key: a.Key, CannedACL: deref(a.CannedACL)}}
}

func (a *S3Route) grants(n arns) []statement {
	actions := []string{"s3:PutObject"}
	if a.CannedACL != nil {
		actions = append(actions, "s3:PutObjectAcl")
	}
	return []statement{allow(actions, n.bucket(wild(a.BucketName))+"/"+wild(a.Key))}
}

func (a *S3Route) check(c *actionChecker) {
	c.target("bucket_name", a.BucketName, "bucket")
	c.template("key", &a.Key)
	if path := c.arg("key"); c.known(path) && a.Key != "" && !strings.Contains(a.Key, "${") {
		c.warn(path, "Every message would overwrite the same object", "The key %s is the same for all messages. "+
			"Add something that differs, such as ${timestamp()}-${newuuid()}.", excerpt(a.Key))
	}
	c.choice(c.arg("canned_acl"), a.CannedACL, S3CannedACLs)
}
