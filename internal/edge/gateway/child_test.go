package gateway_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/eclipse/paho.golang/packets"
	"github.com/eclipse/paho.golang/paho"
)

// child is a device on the local network.
type child struct {
	name     string
	client   *paho.Client
	commands chan string
}

// connect connects a child; certificate replaces the password.
func (s *site) connect(address, name string, certificate *tls.Certificate) (*child, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: s.authority.pool(), ServerName: "127.0.0.1"}
	if certificate != nil {
		config.Certificates = []tls.Certificate{*certificate}
	}
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: patience}, Config: config}
	conn, err := dialer.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &child{name: name, commands: make(chan string, 10)}
	c.client = paho.NewClient(paho.ClientConfig{Conn: packets.NewThreadSafeConn(conn), PacketTimeout: patience,
		OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
			c.commands <- p.Packet.Topic + " " + string(p.Packet.Payload)
			return true, nil
		}}})
	connect := &paho.Connect{ClientID: "sensor of " + name, KeepAlive: 30, CleanStart: true}
	if certificate == nil {
		connect.UsernameFlag, connect.PasswordFlag = true, true
		connect.Username, connect.Password = name, []byte(s.password)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if _, err := c.client.Connect(ctx, connect); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

func (s *site) mustConnect(t testing.TB, address, name string) *child {
	t.Helper()
	c, err := s.connect(address, name, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.client.Disconnect(&paho.Disconnect{}) })
	return c
}

// publish returns when the gateway has acknowledged, or the connection is lost.
func (c *child) publish(topic, payload string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := c.client.Publish(ctx, &paho.Publish{Topic: topic, QoS: 1, Payload: []byte(payload)})
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-c.client.Done():
		return errors.New("the connection is lost")
	}
}

func (c *child) subscribe(t testing.TB, filter string) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := c.client.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{{Topic: filter, QoS: 1}}})
	return err
}

func (c *child) command(t testing.TB) string {
	t.Helper()
	select {
	case text := <-c.commands:
		return text
	case <-time.After(patience):
		t.Fatalf("child %s got no command", c.name)
		return ""
	}
}
