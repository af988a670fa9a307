package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	paho "github.com/eclipse/paho.mqtt.golang"
)

// ownKeyDevice is a device that makes its own key: only its certificate request ever leaves it.
type ownKeyDevice struct {
	name string
	key  *ecdsa.PrivateKey
	csr  string

	client   paho.Client
	commands chan string
}

func newOwnKeyDevice(name string) (*ownKeyDevice, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: name}}, key)
	if err != nil {
		return nil, err
	}
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	return &ownKeyDevice{name: name, key: key, csr: string(csr), commands: make(chan string, 16)}, nil
}

// connect fetches the certificate that the pipeline stored for the device, and connects with it.
func (d *ownKeyDevice) connect(
	ctx context.Context,
	parameters *ssm.Client,
	path, broker string,
	roots *x509.CertPool,
) error {
	out, err := parameters.GetParameter(ctx,
		&ssm.GetParameterInput{Name: aws.String(path + "/" + d.name), WithDecryption: aws.Bool(true)})
	if err != nil {
		return fmt.Errorf("fetching the certificate of %q: %w", d.name, err)
	}
	var bundle struct {
		CertificatePEM string `json:"certificate_pem"`
		PrivateKey     string `json:"private_key"`
	}
	if err := json.Unmarshal([]byte(aws.ToString(out.Parameter.Value)), &bundle); err != nil {
		return err
	}
	if bundle.PrivateKey != "" {
		return fmt.Errorf("the bundle of %q holds a private key, which only the device should have", d.name)
	}
	block, _ := pem.Decode([]byte(bundle.CertificatePEM))
	if block == nil {
		return fmt.Errorf("the bundle of %q holds no certificate", d.name)
	}
	d.client = paho.NewClient(
		paho.NewClientOptions().AddBroker("ssl://" + broker).SetClientID(d.name).SetConnectTimeout(10 * time.Second).
			SetTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12,
				Certificates: []tls.Certificate{{Certificate: [][]byte{block.Bytes}, PrivateKey: d.key}}}),
	)
	if err := done(d.client.Connect()); err != nil {
		return fmt.Errorf("connecting %q: %w", d.name, err)
	}
	return done(d.client.Subscribe("greenhouse/"+d.name+"/commands", 1,
		func(_ paho.Client, m paho.Message) { d.commands <- string(m.Payload()) }))
}

func (d *ownKeyDevice) publish(payload string) error {
	return done(d.client.Publish("greenhouse/"+d.name+"/telemetry", 1, false, payload))
}

// done waits for a client's operation.
func done(token paho.Token) error {
	if !token.WaitTimeout(20 * time.Second) {
		return fmt.Errorf("the broker did not answer within 20 seconds")
	}
	return token.Error()
}
