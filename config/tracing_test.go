package config_test

import (
	"reflect"
	"strings"
	"testing"

	"usher/config"
	"usher/identity"
)

const variable = "OTEL_EXPORTER_OTLP_ENDPOINT"

// The section decides where it is there, and the environment where it is not.
func TestTracingEndpoint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, text, env string
		want            *config.Tracing
	}{
		{"neither", "", "", nil},
		{"the environment", "", "http://collector:4318", &config.Tracing{Endpoint: "http://collector:4318", SampleRatio: 1}},
		{"the section", "tracing: {endpoint: 'http://127.0.0.1:4318'}", "", &config.Tracing{Endpoint: "http://127.0.0.1:4318", SampleRatio: 1}},
		{"both", "tracing: {endpoint: 'http://127.0.0.1:4318', sample_ratio: 0}", "http://collector:4318", &config.Tracing{Endpoint: "http://127.0.0.1:4318"}},
		{"an empty section turns it off", "tracing: {endpoint: ''}", "http://collector:4318", &config.Tracing{SampleRatio: 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := mustParse(t, least+tc.text+"\n", variable, tc.env).Tracing; !reflect.DeepEqual(got, tc.want) {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestTracing(t *testing.T) {
	t.Parallel()
	const absolute = "16 tracing.endpoint: must be an absolute URL, http or https"
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"plain in a network", "{endpoint: 'http://collector:4318'}", nil},
		{"a path", "{endpoint: 'https://collector.example.com/otlp'}", nil},
		{"headers on loopback", "{endpoint: 'http://localhost:4318', headers: {authorization: Bearer x}}", nil},
		{"headers in the clear", "{endpoint: 'http://collector:4318', headers: {authorization: Bearer x}}", []string{"16 tracing.endpoint: must be https where headers are sent, or http on loopback"}},
		{"no scheme", "{endpoint: 'collector:4318'}", []string{absolute}},
		{"gRPC", "{endpoint: 'grpc://collector:4317'}", []string{absolute}},
		{"credentials", "{endpoint: 'https://u:p@collector'}", []string{"16 tracing.endpoint: must not hold credentials: put them into headers"}},
		{"query", "{endpoint: 'https://collector?key=x'}", []string{"16 tracing.endpoint: must not have a query or a fragment"}},
		{"too much", "{sample_ratio: 1.5}", []string{"16 tracing.sample_ratio: must be from 0 to 1"}},
		{"negative", "{sample_ratio: -0.1}", []string{"16 tracing.sample_ratio: must be from 0 to 1"}},
		{"not a number", "{sample_ratio: .nan}", []string{"16 tracing.sample_ratio: must be a number such as 0.5"}},
		{"half", "{sample_ratio: half}", []string{"16 tracing.sample_ratio: must be a number such as 0.5"}},
		{"no header", "{headers: {'a b': x}}", []string{`16 tracing.headers: "a b" is not the name of a header`}},
		{"two lines", `{headers: {a: "x\ny"}}`, []string{"16 tracing.headers.a: holds what a header cannot hold"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			wants(t, least+"tracing: "+tc.text+"\n", tc.want)
		})
	}
	wants(t, least, []string{"1 " + variable + ": must be an absolute URL, http or https"}, variable, "collector")
}

// What the collector's headers hold is secret, and what is off is shown as off.
func TestTracingIsPrintedWithoutSecrets(t *testing.T) {
	t.Parallel()
	text, err := mustParse(t, least+"tracing: {sample_ratio: 0, headers: {authorization: Bearer x-y-z}}\n").Redacted()
	if err != nil || strings.Contains(string(text), "x-y-z") || !strings.Contains(string(text), `authorization: "[redacted]"`) || !strings.Contains(string(text), "sample_ratio: 0.0") {
		t.Errorf("(%v)\n%s", err, text)
	}
	again := mustParse(t, string(text))
	if want := (&config.Tracing{Headers: map[string]identity.Secret{"authorization": "[redacted]"}}); !reflect.DeepEqual(again.Tracing, want) {
		t.Errorf("got %+v", again.Tracing)
	}
}
