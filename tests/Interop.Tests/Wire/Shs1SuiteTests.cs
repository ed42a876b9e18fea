using System.Security.Cryptography;
using Interop.Tests.Harness;

namespace Interop.Tests.Wire;

/// <summary>The conformance suite shs1-test 1.1.1 against <c>Interop.ShsPeer</c>: 45 runs a role, 25 of them with a faulty peer.</summary>
public class Shs1SuiteTests
{
    /// <summary>Only a guard: the suite starts 45 processes at once and has no time-outs of its own.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(15);

    private static ITestOutputHelper? Output => TestContext.Current.TestOutputHelper;

    [Theory]
    [InlineData("test-server.js", "server")]
    [InlineData("test-client.js", "client")]
    public async Task Suite_FixedSeed_Passes45Of45(string script, string role) => await RunAsync(script, role, "a fixed seed");

    [Theory]
    [InlineData("test-server.js", "server")]
    [InlineData("test-client.js", "client")]
    public async Task Suite_RandomSeed_Passes45Of45(string script, string role) =>
        await RunAsync(script, role, Convert.ToHexString(RandomNumberGenerator.GetBytes(8)));

    private static async Task RunAsync(string script, string role, string seed)
    {
        string modules = await NodeModules.GetAsync();
        using var runs = new TemporaryFolder();
        string peer = Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "Interop.ShsPeer.exe" : "Interop.ShsPeer");
        Output?.WriteLine($"seed: {seed}");
        (int exitCode, string output) = await Command.RunAsync(
            s_patience, runs.Path, [("SHS_PEER_RUNS", runs.Path)], "node", Path.Combine(modules, "shs1-test", script), peer, seed);

        Assert.True(exitCode == 0, $"{exitCode} of the suite's runs failed with the seed '{seed}': {output}");
        Assert.Contains("Passed", output, StringComparison.Ordinal);

        // What the peer itself saw: 20 good peers, 10 with a bad hello, 15 with a bad proof.
        string[] endings = [.. Directory.GetFiles(runs.Path).Select(file => string.Join('.', Path.GetFileName(file).Split('.')[..2])).Order(StringComparer.Ordinal)];
        Assert.Equal(45, endings.Length);
        Assert.Equal(20, endings.Count(ending => ending == $"{role}.done"));
        Assert.Equal(10, endings.Count(ending => ending == $"{role}.WrongNetwork"));
        Assert.Equal(15, endings.Count(ending => ending == $"{role}.WrongKey"));
    }
}
