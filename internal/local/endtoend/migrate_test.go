package endtoend_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"

	"github.com/iot-pipeline/terraform-provider-iot/internal/contract"
	"github.com/iot-pipeline/terraform-provider-iot/internal/migrate"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/awstest"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/tftest"
)

const (
	migrationProvider = tftest.Header + "provider \"iot\" {\n  s3_use_path_style = true\n}\n"

	// migrationStores completes what iotctl migrate writes.
	migrationStores = `
resource "iot_pipeline" "gh-e2e" {
  recent        = {}
  processor     = { batch_window_seconds = 0 }
  archive       = { enabled = false }
  force_destroy = true
}
`
	// handPolicy is what somebody has written for the devices.
	handPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*",` +
		`"Action":["iot:Connect","iot:Publish","iot:Subscribe","iot:Receive"]}]}`

	// handState is the state of the configuration that has made a device.
	handState = `{"version":4,"terraform_version":"1.11.4","serial":1,"lineage":"x","outputs":{},"resources":[
{"mode":"managed","type":"aws_iot_thing","name":"soil","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]",
 "instances":[{"index_key":"a","schema_version":0,"attributes":{"name":%[1]q,"id":%[1]q,"arn":%[2]q,
  "default_client_id":%[1]q,"thing_type_name":"","version":1,"attributes":{"bay":"1"}}}]},
{"mode":"managed","type":"aws_iot_certificate","name":"soil","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]",
 "instances":[{"index_key":"a","schema_version":0,"attributes":{"active":true,"arn":%[3]q,"id":%[4]q,"csr":"x",
  "private_key":"","public_key":""}}]},
{"mode":"managed","type":"aws_iot_thing_principal_attachment","name":"soil",
 "provider":"provider[\"registry.terraform.io/hashicorp/aws\"]",
 "instances":[{"index_key":"a","schema_version":0,"attributes":{"thing":%[1]q,"principal":%[3]q}}]},
{"mode":"managed","type":"aws_iot_topic_rule","name":"old","provider":"provider[\"registry.terraform.io/hashicorp/aws\"]",
 "instances":[{"schema_version":0,"attributes":{"name":"old","sql_version":"2016-03-23",
  "sql":"SELECT * FROM 'sensors/v1/+/telemetry'"}}]}]}`
)

// A device that was made by hand is connected, and stays so with the certificate that it has while iotctl migrate writes
// the pipeline that adopts it, while that is applied, and when its old policy goes.
func TestMigration(t *testing.T) {
	w := deploy(t, strings.Replace(migrationStores, "{\n", `{
  name         = "gh-e2e"
  topic_prefix = "sensors/v1"
  devices      = {}
`, 1))
	account := awstest.New(t, w.server.Config(t))
	h := account.MakeByHand(t, "soil-001", map[string]string{"bay": "1"})
	must(w.aws.IoT().CreatePolicy(t.Context(), &iot.CreatePolicyInput{PolicyName: aws.String("by-hand"),
		PolicyDocument: aws.String(handPolicy)}))(t)
	must(w.aws.IoT().AttachPolicy(t.Context(), &iot.AttachPolicyInput{PolicyName: aws.String("by-hand"),
		Target: &h.CertificateARN}))(t)
	w.devices[h.Thing] = contract.Bundle{Thing: h.Thing, CertificatePEM: h.CertificatePEM, PrivateKey: h.PrivateKey,
		Topics: contract.TopicsOf("sensors/v1", h.Thing)}
	d := w.connect(t, h.Thing)
	d.send(t, `{"timestamp":1767225600000,"data":{"n":1}}`)

	var written bytes.Buffer
	state := fmt.Sprintf(handState, h.Thing, h.ThingARN, h.CertificateARN, h.CertificateID)
	if err := migrate.Write(&written, strings.NewReader(state), migrate.Options{Pipeline: name}); err != nil {
		t.Fatal(err)
	}
	w.Write("main.tf", migrationProvider+written.String())
	w.Write("stores_override.tf", migrationStores)
	w.Run("validate")
	w.Apply()
	account.Intact(t, "after the apply", h)
	d.send(t, `{"timestamp":1767225601000,"data":{"n":2}}`)
	w.Unchanged()

	must(w.aws.IoT().DetachPolicy(t.Context(), &iot.DetachPolicyInput{PolicyName: aws.String("by-hand"),
		Target: &h.CertificateARN}))(t)
	d.send(t, `{"timestamp":1767225603000,"data":{"n":4}}`)
	if !d.IsConnected() {
		t.Error("the device has lost its connection")
	}
	refreshed := w.connect(t, h.Thing) // with the pipeline's policy alone
	refreshed.send(t, `{"timestamp":1767225602000,"data":{"n":3}}`)
	if _, err := w.try(t, h.Thing, "another"); err == nil {
		t.Error("the device can still connect as another: it has its old policy")
	}
	w.Write("main.tf", migrationProvider+`resource "iot_pipeline" "gh-e2e" {
  name         = "gh-e2e"
  region       = "us-east-1"
  topic_prefix = "sensors/v1"
  devices      = { soil-001 = { attributes = { bay = "1" } } }
}
`)
	w.Unchanged()
	w.drain(t)
	if n := w.readings(t); n != 4 {
		t.Errorf("%d readings are stored, want 4", n)
	}
	w.Destroy()
	left := account.Objects(t)
	if slices.Contains(left, "thing soil-001") || slices.Contains(left, "certificate "+h.CertificateID) {
		t.Errorf("left after a destroy with force_destroy: %v", left)
	}
}
