package faultsweep

import (
	"os"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/iot-pipeline/terraform-provider-iot/internal/pipeline"
)

// versionStride says how many requests lie between two that are made to fail.
func versionStride() int {
	if os.Getenv("IOT_FAULTS") == "full" {
		return 1
	}
	return 5
}

// TestHigherVersionMayFail lets requests fail in an apply that does nothing but rotate the certificates of the fleet, of a
// device with one certificate and of one with two, and asks what a change of the mode is asked.
func TestHigherVersionMayFail(t *testing.T) {
	versions := func(fleet, twice int64) pipeline.Spec {
		s := modeSpec(pipeline.StreamModes.Default, false)
		s.Alerts = nil
		s.Devices = map[string]pipeline.DeviceSpec{"once": {}, "twice": {CertificateVersion: aws.Int64(twice)}}
		s.Credentials = &pipeline.CredentialsSpec{CertificateVersion: &fleet}
		return s
	}
	a := newLocalAWS(t)
	prior, err := a.apply(versions(1, 1), token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if prior, err = a.apply(versions(1, 2), token, prior); err != nil { // "twice" has two certificates
		t.Fatal(err)
	}
	to := versions(3, 1)
	if problems := a.deviceProblems(to, 1); len(problems) > 0 {
		t.Fatal(problems)
	}
	a.server.Save(t, "begin")
	tried := 0
	for k := 3; ; k += versionStride() {
		kinds := ways[(k/versionStride())%len(ways):][:1] // in the sample, each request fails in another way
		if versionStride() == 1 {
			kinds = ways
		}
		met := false
		for _, kind := range kinds {
			met = a.changePoint(t, to, prior, kind, k, 2) || met
		}
		if !met {
			break
		}
		tried++
	}
	if tried < 8 {
		t.Errorf("only %d requests failed", tried)
	}
}
