package tfdiag

import (
	"crypto/x509"
	"errors"
	"net"
	"net/url"
)

// Endings of summaries about requests that never reached AWS.
const (
	unreachable   = "AWS cannot be reached"
	distrusted    = "the certificate of AWS is not trusted"
	noSuchService = "AWS cannot be found"
)

// networkAdvice is the advice for a request that never reached AWS.
func networkAdvice(err error) advice {
	var name *net.DNSError
	var operation *net.OpError
	switch {
	case errors.As(err, &name):
		return advice{outcome: noSuchService, text: "Check the region: not every region has every service (the " +
			"guide \"Errors\" says where to look). Then check the network's DNS, and endpoints in the provider block."}
	case untrusted(err):
		return advice{outcome: distrusted, text: "A proxy may replace the certificates of AWS. Put its authority's " +
			"certificate into a file, and name that in custom_ca_bundle of the provider block or in AWS_CA_BUNDLE."}
	case errors.As(err, &operation) && operation.Op == "proxyconnect":
		return advice{outcome: unreachable, text: "The proxy does not answer. Check http_proxy, https_proxy and " +
			"no_proxy in the provider block, and HTTP_PROXY, HTTPS_PROXY and NO_PROXY in the environment."}
	case errors.As(err, &operation) && operation.Op == "dial":
		return advice{outcome: unreachable, text: "Nothing answers at that address. Check endpoints in the provider " +
			"block, AWS_ENDPOINT_URL, the firewall, and whether this network needs a proxy or VPC endpoints."}
	case operation != nil || errors.As(err, new(*url.Error)):
		return advice{outcome: unreachable, text: "The connection broke or got no answer. Check the network, the " +
			"firewall and the proxy."}
	}
	return advice{}
}

func untrusted(err error) bool {
	return errors.As(err, new(x509.UnknownAuthorityError)) || errors.As(err, new(x509.CertificateInvalidError)) ||
		errors.As(err, new(x509.HostnameError))
}
