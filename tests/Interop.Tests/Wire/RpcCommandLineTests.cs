using System.Globalization;
using System.Text.Json;
using Interop.Tests.Harness;
using Ssb.Wire;

namespace Interop.Tests.Wire;

/// <summary>The command line of ssb-server 16.0.1, as it is, against a server of ours.</summary>
public class RpcCommandLineTests
{
    private static readonly TimeSpan s_patience = Patience.Guard;

    [Fact]
    public async Task Commands_OfTheStockProgram_WorkWithOurServer()
    {
        string program = Path.Combine(await NodeModules.GetAsync("js-cli"), "ssb-server", "bin.js");
        using var folder = new TemporaryFolder();
        KeyPair keys = SecretFile.Create(Path.Combine(folder.Path, "secret")); // the program and the server are one identity, as usual
        var procedures = new RpcProcedures();
        procedures.Api.Sync("whoami", call => RpcValue.RawJson(JsonSerializer.SerializeToUtf8Bytes(new { id = call.Caller.ToString() })));
        await File.WriteAllBytesAsync(
            Path.Combine(folder.Path, "manifest.json"), procedures.Api.Manifest.ToJson(), TestContext.Current.CancellationToken);
        var options = new RpcOptions { Api = procedures.Api, Permissions = new RpcPermissions(deny: ["test.order"]) };
        await using var host = new RpcHost(_ => options, keys);

        (int exitCode, string output) = await RunAsync("whoami");
        Assert.True(exitCode == 0, output);
        Assert.Equal(keys.Id.ToString(), JsonElement.Parse(output).GetProperty("id").GetString());

        (exitCode, output) = await RunAsync("test.give", "snow ☃");
        Assert.True(exitCode == 0, output);
        Assert.Equal("\"snow ☃\"", output.Trim());

        (exitCode, output) = await RunAsync("test.count", "3", "6");
        Assert.True(exitCode == 0, output);
        Assert.Equal("""{"i":3}{"i":4}{"i":5}""", string.Concat(output.Where(c => !char.IsWhiteSpace(c))));

        await AssertFailsAsync("message: 'failed on purpose ☃'", "test.boom");
        await AssertFailsAsync("message: 'failed on purpose ☃'", "test.failing", "2");
        await AssertFailsAsync("message: 'method:test,order is on list of disallowed methods'", "test.order", "1");

        // The program throws what it got from us.
        async Task AssertFailsAsync(string error, params string[] command)
        {
            (int exitCode, string output) = await RunAsync(command);
            Assert.NotEqual(0, exitCode);
            Assert.Contains(error, output, StringComparison.Ordinal);
        }

        Task<(int ExitCode, string Output)> RunAsync(params string[] command) => StockProgram.CallAsync(async () =>
        {
            (int ExitCode, string Output) answer = await Command.RunAsync(
                s_patience,
                folder.Path,
                ["node", program, .. command, "--", "--path", folder.Path, "--host", "127.0.0.1", "--port", host.Port.ToString(CultureInfo.InvariantCulture)]);
            return (answer, answer.Output);
        });
    }
}
