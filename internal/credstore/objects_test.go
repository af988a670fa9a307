package credstore

import (
	"context"
	"encoding/xml"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/iot-pipeline/terraform-provider-iot/internal/awsapi"
	"github.com/iot-pipeline/terraform-provider-iot/internal/bulk"
	"github.com/iot-pipeline/terraform-provider-iot/internal/spec"
	"github.com/iot-pipeline/terraform-provider-iot/internal/test/mototest"
)

type version struct {
	Key       string
	VersionId string //nolint:revive // S3's name
}

// bucket answers ListObjectVersions and DeleteObjects as S3 does, with pages of a few versions. Versions whose ID begins
// with "m" are delete markers. The versions are in the order of keys and IDs.
type bucket struct {
	mu       sync.Mutex
	versions []version
	page     int
	lists    []string // what was listed, by prefix
}

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Method == http.MethodPost && r.URL.Query().Has("delete") {
		var in struct{ Object []version }
		_ = xml.NewDecoder(r.Body).Decode(&in)
		b.versions = slices.DeleteFunc(b.versions, func(v version) bool { return slices.Contains(in.Object, v) })
		_, _ = w.Write([]byte("<DeleteResult/>"))
		return
	}
	q := r.URL.Query()
	var out struct {
		XMLName                            xml.Name `xml:"ListVersionsResult"`
		IsTruncated                        bool
		NextKeyMarker, NextVersionIdMarker string `xml:",omitempty"`
		Version, DeleteMarker              []version
	}
	prefix, after := q.Get("prefix"), version{q.Get("key-marker"), q.Get("version-id-marker")}
	if after.Key == "" {
		b.lists = append(b.lists, prefix)
	}
	found := slices.DeleteFunc(slices.Clone(b.versions), func(v version) bool {
		return !strings.HasPrefix(v.Key, prefix) || v.Key < after.Key || v.Key == after.Key && v.VersionId <= after.VersionId
	})
	if out.IsTruncated = len(found) > b.page; out.IsTruncated {
		found = found[:b.page]
		out.NextKeyMarker, out.NextVersionIdMarker = found[b.page-1].Key, found[b.page-1].VersionId
	}
	for _, v := range found {
		if strings.HasPrefix(v.VersionId, "m") {
			out.DeleteMarker = append(out.DeleteMarker, v)
		} else {
			out.Version = append(out.Version, v)
		}
	}
	_ = xml.NewEncoder(w).Encode(out)
}

func TestRemoveFromABucket(t *testing.T) {
	all := []version{
		{"p/a-1", "1"}, {"p/a-1", "2"}, {"p/a-1", "m3"},
		{"p/a-10", "1"}, {"p/a-2", "1"}, {"p/a-2", "2"}, {"p/b-1", "1"}, {"p/b-2", "1"}, {"p/b-2", "2"}, {"p/b-2", "m3"},
	}
	tests := map[string]struct {
		page   int
		remove []string
		left   []version
		lists  []string
	}{
		"one, and not what begins with its name": {100, []string{"a-1"}, all[3:], []string{"p/a-1"}},
		"names that begin alike take one list":   {100, []string{"a-1", "a-2"}, slices.Concat(all[3:4], all[6:]), []string{"p/a-"}},
		"all":                                    {100, []string{"a-1", "a-10", "a-2", "b-1", "b-2"}, nil, []string{"p/"}},
		"none of them is there":                  {100, []string{"c-1", "c-2"}, all, []string{"p/c-"}},
		"a key of which the page ends in the middle": {2, []string{"a-1", "b-1"}, slices.Concat(all[3:6], all[7:]),
			[]string{"p/", "p/a-1", "p/b-1"}},
		"a page that ends between keys": {4, []string{"a-1", "b-2"}, all[3:7], []string{"p/", "p/b-2"}},
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			b := &bucket{versions: slices.Clone(all), page: c.page}
			server := httptest.NewServer(mototest.Start(t).Checked(t, b))
			t.Cleanup(server.Close)
			clients := awsapi.New(aws.Config{Region: "eu-west-1", BaseEndpoint: &server.URL,
				Credentials: credentials.NewStaticCredentialsProvider("stub", "stub", "")}, awsapi.Options{Unlimited: true, S3UsePathStyle: true})
			store := Open(clients, bulk.NewPool(clients, 1, nil),
				spec.CredentialsStore{Kind: Bucket, Bucket: "bundles", Path: "/p"}, "owner", nil)
			if err := store.Remove(context.Background(), c.remove); err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(b.versions, c.left) {
				t.Errorf("left: got %v, want %v", b.versions, c.left)
			}
			if !slices.Equal(b.lists, c.lists) {
				t.Errorf("listed: got %q, want %q", b.lists, c.lists)
			}
		})
	}
}
