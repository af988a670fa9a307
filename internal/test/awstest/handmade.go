package awstest

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
	"github.com/aws/aws-sdk-go-v2/service/iot/types"

	"github.com/iot-pipeline/terraform-provider-iot/internal/test/pemtest"
)

// HandMade is a device that somebody has made without a pipeline. Only the device has the key.
type HandMade struct {
	Thing, ThingARN               string
	CertificateID, CertificateARN string
	CertificatePEM, PrivateKey    string
}

// MakeByHand makes a thing and a certificate that is attached to it, as aws_iot_thing, aws_iot_certificate with a
// request and aws_iot_thing_principal_attachment do.
func (a Account) MakeByHand(t testing.TB, thing string, attributes map[string]string) HandMade {
	t.Helper()
	made, err := a.IoT().CreateThing(t.Context(), &iot.CreateThingInput{ThingName: &thing,
		AttributePayload: &types.AttributePayload{Attributes: attributes}})
	if err != nil {
		t.Fatal(err)
	}
	csr, key := pemtest.Request(t, thing)
	c, err := a.IoT().CreateCertificateFromCsr(t.Context(),
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr, SetAsActive: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.IoT().AttachThingPrincipal(t.Context(),
		&iot.AttachThingPrincipalInput{ThingName: &thing, Principal: c.CertificateArn}); err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return HandMade{Thing: thing, ThingARN: aws.ToString(made.ThingArn), CertificateID: aws.ToString(c.CertificateId),
		CertificateARN: aws.ToString(c.CertificateArn), CertificatePEM: aws.ToString(c.CertificatePem),
		PrivateKey: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))}
}

// Pair is what the device connects with.
func (h HandMade) Pair(t testing.TB) tls.Certificate {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(h.CertificatePEM), []byte(h.PrivateKey))
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Intact reports an error unless a device made by hand has what it had: its thing, and its certificate, ACTIVE and
// attached. It returns the thing's attributes.
func (a Account) Intact(t testing.TB, when string, h HandMade) map[string]string {
	t.Helper()
	c, err := a.IoT().DescribeCertificate(t.Context(), &iot.DescribeCertificateInput{CertificateId: &h.CertificateID})
	if err != nil || c.CertificateDescription.Status != types.CertificateStatusActive {
		t.Errorf("%s: the certificate of %q is not there or not active: %v", when, h.Thing, err)
		return nil
	}
	if attached := a.Principals(t, h.Thing); !slices.Equal(attached, []string{h.CertificateARN}) {
		t.Errorf("%s: to %q are attached %v", when, h.Thing, attached)
	}
	thing, err := a.IoT().DescribeThing(t.Context(), &iot.DescribeThingInput{ThingName: &h.Thing})
	if err != nil {
		t.Errorf("%s: %v", when, err)
		return nil
	}
	return thing.Attributes
}
