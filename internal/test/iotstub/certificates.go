package iotstub

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	active   = "ACTIVE"
	inactive = "INACTIVE"
)

type certificate struct {
	id, pem, status string
	things          []string
	policies        []string
	exclusive       bool
	created         time.Time
	deleted         bool
	lag             int // deletions still to be refused
}

func (c *certificate) arn() string { return arn("iot", "cert/"+c.id) }

// signer certifies requests, as AWS's device CA does.
type signer struct {
	key    func() (*ecdsa.PrivateKey, error)
	issuer *x509.Certificate
	serial int64
}

func newSigner() *signer {
	return &signer{
		key: sync.OnceValues(func() (*ecdsa.PrivateKey,
			error) {
			return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		}),
		issuer: &x509.Certificate{Subject: pkix.Name{CommonName: "iotstub device CA"}},
	}
}

func (s *signer) sign(csrPEM string) (string, error) {
	block, _ := pem.Decode([]byte(csrPEM))
	if block == nil {
		return "", x509.ErrUnsupportedAlgorithm
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return "", err
	}
	key, err := s.key()
	if err != nil {
		return "", err
	}
	s.serial++
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(
			s.serial,
		), Subject: csr.Subject, NotBefore: time.Now(), NotAfter: time.Now().AddDate(10, 0, 0),
	}, s.issuer, csr.PublicKey, key)
	if err != nil {
		return "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), nil
}

func (s *Server) routeCertificates() {
	handle := func(pattern, name string, do operation) { s.mux.HandleFunc(pattern, s.serve("iot:"+name, do)) }
	handle("POST /certificates", "CreateCertificateFromCsr", s.createFromCSR)
	handle("POST /certificate/register-no-ca", "RegisterCertificateWithoutCA", s.register)
	handle("GET /certificates", "ListCertificates", s.listCertificates)
	handle("GET /certificates/{id}", "DescribeCertificate", s.describeCertificate)
	handle("PUT /certificates/{id}", "UpdateCertificate", s.updateCertificate)
	handle("DELETE /certificates/{id}", "DeleteCertificate", s.deleteCertificate)
	handle("PUT /things/{name}/principals", "AttachThingPrincipal", s.attach)
	handle("DELETE /things/{name}/principals", "DetachThingPrincipal", s.detach)
	handle("GET /things/{name}/principals", "ListThingPrincipals", s.listPrincipals)
	handle("GET /principals/things", "ListPrincipalThings", s.listPrincipalThings)
	s.mux.HandleFunc("PUT /target-policies/{policy}", s.ofCertificates("AttachPolicy", s.attachPolicy))
	s.mux.HandleFunc("POST /target-policies/{policy}", s.ofCertificates("DetachPolicy", s.detachPolicy))
	s.mux.HandleFunc("POST /attached-policies/{target}", s.ofCertificates("ListAttachedPolicies", s.listPolicies))
}

// ofCertificates serves what is about the policies of a certificate, and hands on what is about those of a thing group.
func (s *Server) ofCertificates(name string, do operation) http.HandlerFunc {
	serve := s.serve("iot:"+name, do)
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if s.options.Next != nil && !strings.Contains(r.PathValue("target")+string(body), ":cert/") {
			s.options.Next.ServeHTTP(w, r)
			return
		}
		serve(w, r)
	}
}

func (s *Server) add(text, status string) (*certificate, *fail) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, &fail{code: "CertificateValidationException", message: "not a certificate"}
	}
	sum := sha256.Sum256(block.Bytes)
	c := &certificate{id: hex.EncodeToString(sum[:]), pem: text, status: status, created: time.Now()}
	if s.certificates[c.id] != nil {
		return nil, &fail{
			"ResourceAlreadyExistsException",
			"The certificate is already provisioned or registered",
			http.StatusConflict,
		}
	}
	s.certificates[c.id] = c
	s.order = append(s.order, c)
	return c, nil
}

func (s *Server) createFromCSR(r *http.Request, body []byte) (any, *fail) {
	var in struct {
		CSR string `json:"certificateSigningRequest"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	text, err := s.signer.sign(in.CSR)
	if err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	status := inactive
	if r.URL.Query().Get("setAsActive") == "true" {
		status = active
	}
	c, failure := s.add(text, status)
	if failure != nil {
		return nil, failure
	}
	return map[string]string{"certificateId": c.id, "certificateArn": c.arn(), "certificatePem": c.pem}, nil
}

func (s *Server) register(_ *http.Request, body []byte) (any, *fail) {
	var in struct {
		PEM    string `json:"certificatePem"`
		Status string `json:"status"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	if in.Status == "" {
		in.Status = inactive
	}
	c, failure := s.add(in.PEM, in.Status)
	if failure != nil {
		return nil, failure
	}
	return map[string]string{"certificateId": c.id, "certificateArn": c.arn()}, nil
}

// listCertificates is newest first, as AWS's default is; the marker is the position of the next one.
func (s *Server) listCertificates(r *http.Request, _ []byte) (any, *fail) {
	q := r.URL.Query()
	at := len(s.order) - 1
	if marker, err := strconv.Atoi(q.Get("marker")); err == nil {
		at = marker
	}
	list := []any{}
	size := limit(q.Get("pageSize"))
	for ; at >= 0 && len(list) < size; at-- {
		if c := s.order[at]; !c.deleted {
			list = append(list, c.describe())
		}
	}
	next := ""
	if slices.ContainsFunc(s.order[:at+1], func(c *certificate) bool { return !c.deleted }) {
		next = strconv.Itoa(at)
	}
	return map[string]any{"certificates": list, "nextMarker": orNil(next)}, nil
}

func (c *certificate) describe() map[string]any {
	return map[string]any{
		"certificateId":  c.id,
		"certificateArn": c.arn(),
		"status":         c.status,
		"creationDate":   float64(c.created.Unix()),
	}
}

func (s *Server) describeCertificate(r *http.Request, _ []byte) (any, *fail) {
	c := s.certificates[r.PathValue("id")]
	if c == nil {
		return nil, notFound("Certificate", r.PathValue("id"))
	}
	all := c.describe()
	all["certificatePem"] = c.pem
	return map[string]any{"certificateDescription": all}, nil
}

func (s *Server) updateCertificate(r *http.Request, _ []byte) (any, *fail) {
	c := s.certificates[r.PathValue("id")]
	if c == nil {
		return nil, notFound("Certificate", r.PathValue("id"))
	}
	c.status = r.URL.Query().Get("newStatus")
	return map[string]string{}, nil
}

func (s *Server) deleteCertificate(r *http.Request, _ []byte) (any, *fail) {
	c := s.certificates[r.PathValue("id")]
	switch {
	case c == nil:
		return nil, notFound("Certificate", r.PathValue("id"))
	case c.status == active:
		return nil, &fail{
			"CertificateStateException",
			"Certificate must be deactivated (not ACTIVE) before deletion.",
			http.StatusNotAcceptable,
		}
	case len(c.things) > 0 || c.lag > 0:
		c.lag = max(0, c.lag-1)
		return nil, &fail{
			"DeleteConflictException",
			"Things must be detached before deletion (arn: " + c.arn() + ")",
			http.StatusConflict,
		}
	case len(c.policies) > 0 && r.URL.Query().Get("forceDelete") != "true":
		return nil, &fail{
			"DeleteConflictException",
			"Certificate policies must be detached before deletion (arn: " + c.arn() + ")",
			http.StatusConflict,
		}
	}
	c.deleted = true
	delete(s.certificates, c.id)
	return map[string]string{}, nil
}

// pair finds the thing and the certificate of an attachment.
func (s *Server) pair(r *http.Request) (*thing, *certificate, *fail) {
	t := s.things[r.PathValue("name")]
	if t == nil {
		return nil, nil, notFound("Thing", r.PathValue("name"))
	}
	principal := r.Header.Get("X-Amzn-Principal")
	_, id, _ := strings.Cut(principal, ":cert/")
	c := s.certificates[id]
	if c == nil {
		return nil, nil, notFound("Certificate", principal)
	}
	return t, c, nil
}

func (s *Server) attach(r *http.Request, _ []byte) (any, *fail) {
	t, c, failure := s.pair(r)
	if failure != nil {
		return nil, failure
	}
	exclusive := r.URL.Query().Get("thingPrincipalType") == "EXCLUSIVE_THING"
	if others := len(c.things) > 0 && !slices.Contains(c.things, t.name); others && (exclusive || c.exclusive) {
		return nil, &fail{
			code:    "InvalidRequestException",
			message: "The principal is attached to another thing exclusively",
		}
	}
	c.exclusive = exclusive
	if !slices.Contains(c.things, t.name) {
		c.things = append(c.things, t.name)
		t.principals = append(t.principals, c.arn())
	}
	return map[string]string{}, nil
}

func (s *Server) detach(r *http.Request, _ []byte) (any, *fail) {
	t, c, failure := s.pair(r)
	if failure != nil {
		return nil, failure
	}
	c.things = slices.DeleteFunc(c.things, func(name string) bool { return name == t.name })
	t.principals = slices.DeleteFunc(t.principals, func(p string) bool { return p == c.arn() })
	c.lag, t.lag = s.options.DetachLag, s.options.DetachLag
	return map[string]string{}, nil
}

func (s *Server) listPrincipals(r *http.Request, _ []byte) (any, *fail) {
	t := s.things[r.PathValue("name")]
	if t == nil {
		return nil, notFound("Thing", r.PathValue("name"))
	}
	return map[string]any{"principals": append([]string{}, t.principals...)}, nil
}

func (s *Server) listPrincipalThings(r *http.Request, _ []byte) (any, *fail) {
	_, id, _ := strings.Cut(r.Header.Get("X-Amzn-Principal"), ":cert/")
	c := s.certificates[id]
	if c == nil {
		return nil, notFound("Certificate", id)
	}
	return map[string]any{"things": append([]string{}, c.things...)}, nil
}

// target finds the certificate that a policy is to be attached to. Whether the policy exists is not looked at.
func (s *Server) target(text string) (*certificate, *fail) {
	_, id, _ := strings.Cut(text, ":cert/")
	c := s.certificates[id]
	if c == nil {
		return nil, notFound("Certificate", text)
	}
	return c, nil
}

func (s *Server) targetIn(body []byte) (*certificate, *fail) {
	var in struct {
		Target string `json:"target"`
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, &fail{code: "InvalidRequestException", message: err.Error()}
	}
	return s.target(in.Target)
}

func (s *Server) attachPolicy(r *http.Request, body []byte) (any, *fail) {
	c, failure := s.targetIn(body)
	if failure != nil {
		return nil, failure
	}
	if name := r.PathValue("policy"); !slices.Contains(c.policies, name) {
		c.policies = append(c.policies, name)
	}
	return map[string]string{}, nil
}

func (s *Server) detachPolicy(r *http.Request, body []byte) (any, *fail) {
	c, failure := s.targetIn(body)
	if failure != nil {
		return nil, failure
	}
	c.policies = slices.DeleteFunc(c.policies, func(name string) bool { return name == r.PathValue("policy") })
	return map[string]string{}, nil
}

func (s *Server) listPolicies(r *http.Request, _ []byte) (any, *fail) {
	c, failure := s.target(r.PathValue("target"))
	if failure != nil {
		return nil, failure
	}
	list := []any{}
	for _, name := range c.policies {
		list = append(list, map[string]string{"policyName": name, "policyArn": arn("iot", "policy/"+name)})
	}
	return map[string]any{"policies": list}, nil
}
