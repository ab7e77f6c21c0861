const { workspace } = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

exports.activate = () => {
  const command = workspace.getConfiguration("tidegate").get("path");
  const server = { command, args: ["lsp"] };
  const options = { documentSelector: [{ scheme: "file", language: "rhai" }] };
  client = new LanguageClient("tidegate", "tidegate", server, options);
  return client.start();
};

exports.deactivate = () => client && client.stop();
