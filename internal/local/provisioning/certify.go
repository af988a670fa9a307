package provisioning

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iot"
)

const (
	keyBits = 2048 // RSA, as AWS creates them [AWS 1.4 CreateKeysAndCertificate]
	maxCSR  = 4096 // characters [AWS 1.3 certificate]
	// subject is the common name of certificates whose keys AWS creates.
	subject = "AWS IoT Certificate"
)

// certified is the answer with a certificate.
type certified struct {
	CertificateID  string `json:"certificateId"`
	CertificatePEM string `json:"certificatePem"`
	PrivateKey     string `json:"privateKey,omitempty"`
	Token          string `json:"certificateOwnershipToken"`
}

// createKeys creates a key pair and has the endpoint certify it. As at AWS, the private key goes only to the requesting
// device and is not stored.
func (s *Service) createKeys(ctx context.Context, r request) (any, string, error) {
	if err := read(r.Payload, &struct{}{}); err != nil {
		return nil, "", err
	}
	key, err := rsa.GenerateKey(rand.Reader, keyBits)
	if err != nil {
		return nil, "", failed("creating a key", err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader,
		&x509.CertificateRequest{Subject: pkix.Name{CommonName: subject}}, key)
	if err != nil {
		return nil, "", failed("creating a certificate request", err)
	}
	answer, err := s.certify(ctx, r, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})))
	if err != nil {
		return nil, "", err
	}
	answer.PrivateKey = string(
		pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}),
	)
	return answer, short(answer.CertificateID), nil
}

// createFromCSR has the endpoint certify the device's own key.
func (s *Service) createFromCSR(ctx context.Context, r request) (any, string, error) {
	var asked struct {
		CSR string `json:"certificateSigningRequest"`
	}
	if err := read(r.Payload, &asked); err != nil {
		return nil, "", err
	}
	block, _ := pem.Decode([]byte(asked.CSR))
	if block == nil || len(asked.CSR) > maxCSR {
		return nil, "", badPayload(
			"certificateSigningRequest is not a PEM certificate signing request of at most %d characters.",
			maxCSR,
		)
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return nil, "", badPayload("certificateSigningRequest cannot be parsed, or is not signed with its own key.")
	}
	answer, err := s.certify(ctx, r, asked.CSR)
	if err != nil {
		return nil, "", err
	}
	return answer, short(answer.CertificateID), nil
}

// certify creates the certificate and its token. The certificate is INACTIVE until it is provisioned. AWS's are
// PENDING_ACTIVATION, which cannot connect either; its API cannot create such certificates.
func (s *Service) certify(ctx context.Context, r request, csr string) (*certified, error) {
	out, err := s.options.API.CreateCertificateFromCsr(ctx,
		&iot.CreateCertificateFromCsrInput{CertificateSigningRequest: &csr, SetAsActive: false})
	if err != nil {
		return nil, failed("creating a certificate", err)
	}
	t := &token{
		clientID: r.ClientID,
		claim:    r.Principal,
		id:       aws.ToString(out.CertificateId),
		arn:      aws.ToString(out.CertificateArn),
		pem:      aws.ToString(out.CertificatePem),
		expires:  s.options.Now().Add(tokenLife),
	}
	return &certified{CertificateID: t.id, CertificatePEM: t.pem, Token: s.tokens.add(t)}, nil
}
