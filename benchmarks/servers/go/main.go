// The Go SDK: `bench PORT|stdio`.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

type sum struct {
	A int `json:"a"`
	B int `json:"b"`
}

type total struct {
	Result int `json:"result"`
}

func main() {
	server := mcp.NewServer(&mcp.Implementation{Name: "bench", Version: "1.0.0"}, nil)
	mcp.AddTool(server, &mcp.Tool{Name: "add", Description: "Add two numbers."},
		func(_ context.Context, _ *mcp.CallToolRequest, given sum) (*mcp.CallToolResult, total, error) {
			text := &mcp.TextContent{Text: fmt.Sprint(given.A + given.B)}
			return &mcp.CallToolResult{Content: []mcp.Content{text}}, total{given.A + given.B}, nil
		})
	var err error
	if os.Args[1] == "stdio" {
		err = server.Run(context.Background(), &mcp.StdioTransport{})
	} else {
		options := &mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: true}
		handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, options)
		err = http.ListenAndServe("127.0.0.1:"+os.Args[1], handler)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
