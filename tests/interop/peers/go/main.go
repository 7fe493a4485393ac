// The Go SDK as a client of our server (client VERSION URL | client VERSION COMMAND ARGS...)
// and as a server (server stdio | server PORT) that offers what ours does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	if os.Args[1] == "server" {
		serve(os.Args[2])
		return
	}
	if err := visit(os.Args[2], os.Args[3], os.Args[4:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func want(what string, found, wanted any) error {
	if !reflect.DeepEqual(found, wanted) {
		return fmt.Errorf("%s: %v is not %v", what, found, wanted)
	}
	return nil
}

func text(result *mcp.CallToolResult) string {
	var parts []string
	for _, block := range result.Content {
		if one, ok := block.(*mcp.TextContent); ok {
			parts = append(parts, one.Text)
		}
	}
	return strings.Join(parts, "\n")
}

func visit(version, target string, args []string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Second)
	defer cancel()
	heard := make(chan *mcp.ProgressNotificationParams, 16)
	var asked []*mcp.ElicitParams
	client := mcp.NewClient(&mcp.Implementation{Name: "go", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(_ context.Context, request *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			asked = append(asked, request.Params)
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"street": "Main St", "express": true}}, nil
		},
		ProgressNotificationHandler: func(_ context.Context, request *mcp.ProgressNotificationClientRequest) {
			heard <- request.Params
		},
	})
	var transport mcp.Transport = &mcp.StreamableClientTransport{Endpoint: target}
	if !strings.HasPrefix(target, "http") {
		command := exec.Command(target, args...)
		command.Stderr = os.Stderr
		transport = &mcp.CommandTransport{Command: command}
	}
	session, err := client.Connect(ctx, transport, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		return err
	}
	defer session.Close()
	call := func(name string, arguments map[string]any) (*mcp.CallToolResult, error) {
		return session.CallTool(ctx, &mcp.CallToolParams{Name: name, Arguments: arguments})
	}
	checks := []struct {
		name string
		run  func() error
	}{
		{"hello", func() error {
			about := session.InitializeResult()
			return errors.Join(want("name", about.ServerInfo.Name, "interop"), want("version", about.ProtocolVersion, version))
		}},
		{"list", func() error {
			listed, err := session.ListTools(ctx, nil)
			if err != nil {
				return err
			}
			var names []string
			for _, tool := range listed.Tools {
				names = append(names, tool.Name)
			}
			slices.Sort(names)
			return want("tools", names, []string{"add", "fail", "go", "order", "steps"})
		}},
		{"call", func() error {
			done := make(chan error)
			for n := range 20 {
				go func() {
					result, err := call("add", map[string]any{"a": n, "b": n})
					if err == nil {
						err = want("sum", result.StructuredContent, map[string]any{"result": float64(2 * n)})
					}
					done <- err
				}()
			}
			var failed error
			for range 20 {
				failed = errors.Join(failed, <-done)
			}
			return failed
		}},
		{"error", func() error {
			failed, err := call("fail", map[string]any{})
			if err != nil {
				return err
			}
			wrong, err := call("add", map[string]any{"a": "forty", "b": 2})
			if err != nil {
				return err
			}
			_, err = call("nothing", map[string]any{})
			if err == nil {
				return errors.New("a tool that there is not was called")
			}
			return errors.Join(want("isError", failed.IsError, true), want("text", text(failed), "there is no ink left"),
				want("isError of wrong arguments", wrong.IsError, true))
		}},
		{"resources", func() error {
			listed, err := session.ListResources(ctx, nil)
			if err != nil {
				return err
			}
			templates, err := session.ListResourceTemplates(ctx, nil)
			if err != nil {
				return err
			}
			config, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "config://app"})
			if err != nil {
				return err
			}
			user, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "user://7/name"})
			if err != nil {
				return err
			}
			if _, err := session.ReadResource(ctx, &mcp.ReadResourceParams{URI: "config://nothing"}); err == nil {
				return errors.New("a resource that there is not was read")
			}
			return errors.Join(want("uri", listed.Resources[0].URI, "config://app"),
				want("template", templates.ResourceTemplates[0].URITemplate, "user://{id}/name"),
				want("config", config.Contents[0].Text, `{"dark":true}`), want("user", user.Contents[0].Text, "user 7"))
		}},
		{"prompts", func() error {
			listed, err := session.ListPrompts(ctx, nil)
			if err != nil {
				return err
			}
			given := &mcp.GetPromptParams{Name: "greet", Arguments: map[string]string{"name": "Ada"}}
			prompt, err := session.GetPrompt(ctx, given)
			if err != nil {
				return err
			}
			said := prompt.Messages[0].Content.(*mcp.TextContent).Text
			return errors.Join(want("name", listed.Prompts[0].Name, "greet"), want("text", said, "Say something kind to Ada."))
		}},
		{"progress", func() error {
			params := &mcp.CallToolParams{Name: "steps", Arguments: map[string]any{"count": 3}}
			params.SetProgressToken("steps")
			done := make(chan error)
			go func() {
				_, err := session.CallTool(ctx, params)
				done <- err
			}()
			for n := 1; n <= 3; n++ {
				select {
				case at := <-heard:
					if err := want("progress", at.Message, fmt.Sprintf("step %d", n)); err != nil {
						return err
					}
				case err := <-done:
					return fmt.Errorf("it ended before progress %d: %v", n, err)
				}
			}
			if _, err := call("go", map[string]any{}); err != nil {
				return err
			}
			return <-done
		}},
		{"elicitation", func() error {
			result, err := call("order", map[string]any{"item": "tea"})
			if err != nil {
				return err
			}
			return errors.Join(want("text", text(result), "tea to Main St, express"), want("questions", len(asked), 1))
		}},
	}
	for _, check := range checks {
		note := ""
		if err := check.run(); err != nil {
			note = err.Error()
		}
		line, _ := json.Marshal(map[string]string{"check": check.name, "note": note})
		fmt.Println(string(line))
	}
	return nil
}

type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

type total struct {
	Result int `json:"result"`
}

type count struct {
	Count int `json:"count"`
}

type item struct {
	Item string `json:"item"`
}

func said(words string) *mcp.CallToolResult {
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: words}}}
}

func serve(where string) {
	server := mcp.NewServer(&mcp.Implementation{Name: "interop", Version: "1.2.3"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "add"},
		func(_ context.Context, _ *mcp.CallToolRequest, given sum) (*mcp.CallToolResult, total, error) {
			return said(fmt.Sprint(given.A + given.B)), total{given.A + given.B}, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "fail"},
		func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
			return nil, nil, errors.New("there is no ink left")
		})
	mcp.AddTool(server, &mcp.Tool{Name: "steps"},
		func(ctx context.Context, request *mcp.CallToolRequest, given count) (*mcp.CallToolResult, any, error) {
			for n := 1; n <= given.Count; n++ {
				request.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{
					ProgressToken: request.Params.GetProgressToken(), Message: fmt.Sprintf("step %d", n),
					Progress: float64(n), Total: float64(given.Count),
				})
			}
			return said("done"), nil, nil
		})
	mcp.AddTool(server, &mcp.Tool{Name: "order"},
		func(_ context.Context, request *mcp.CallToolRequest, given item) (*mcp.CallToolResult, any, error) {
			answer, ok := request.Params.InputResponses["where"].(*mcp.ElicitResult)
			if !ok {
				form := map[string]any{"type": "object", "required": []string{"street"}, "properties": map[string]any{
					"street": map[string]any{"type": "string"}, "express": map[string]any{"type": "boolean"}}}
				where := &mcp.ElicitParams{Message: "Where to?", RequestedSchema: form}
				return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"where": where}}, nil, nil
			}
			speed := "slow"
			if answer.Content["express"] == true {
				speed = "express"
			}
			return said(fmt.Sprintf("%s to %s, %s", given.Item, answer.Content["street"], speed)), nil, nil
		})
	server.AddResource(&mcp.Resource{URI: "config://app", Name: "config"}, read(func(string) string { return `{"dark":true}` }))
	server.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "user://{id}/name", Name: "user"}, read(func(uri string) string {
		return "user " + strings.TrimSuffix(strings.TrimPrefix(uri, "user://"), "/name")
	}))
	server.AddPrompt(&mcp.Prompt{Name: "greet", Arguments: []*mcp.PromptArgument{{Name: "name", Required: true}}},
		func(_ context.Context, request *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
			words := &mcp.TextContent{Text: "Say something kind to " + request.Params.Arguments["name"] + "."}
			return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: words}}}, nil
		})
	var err error
	if where == "stdio" {
		err = server.Run(context.Background(), &mcp.StdioTransport{})
	} else {
		handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
		err = http.ListenAndServe("127.0.0.1:"+where, handler)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func read(words func(uri string) string) mcp.ResourceHandler {
	return func(_ context.Context, request *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		contents := []*mcp.ResourceContents{{URI: request.Params.URI, Text: words(request.Params.URI)}}
		return &mcp.ReadResourceResult{Contents: contents}, nil
	}
}
