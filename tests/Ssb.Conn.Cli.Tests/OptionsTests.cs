using Ssb.Wire;

namespace Ssb.Conn.Cli.Tests;

public sealed class OptionsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("ssb-conn-test").FullName;

    public void Dispose() => TestFolder.Delete(_folder);

    [Theory]
    [InlineData("discover --foo", "there is no option '--foo'", "--neighbours")]
    [InlineData("discover now", "'now'", "options only")]
    [InlineData("discover @KEY.ed25519", "'@KEY.ed25519'", "options only")]
    [InlineData("discover --neighbours", "--neighbours needs a value", "--neighbours N")]
    [InlineData("discover --neighbours 0", "'0'", "from 1 to 1,000")]
    [InlineData("discover --neighbours 1001", "'1001'", "from 1 to 1,000")]
    [InlineData("discover --neighbours five", "'five'", "from 1 to 1,000")]
    [InlineData("discover --neighbours=-1", "'-1'", "from 1 to 1,000")]
    [InlineData("discover --neighbours 5 --neighbours 6", "2 times", "once")]
    [InlineData("discover --neighbours 5 --announce net:h:1", "--announce", "leave out")]
    [InlineData("discover --neighbours 5 --secret f", "--secret", "leave out")]
    [InlineData("discover --neighbours 5 --interface lo", "--interface", "leave out")]
    [InlineData("discover --neighbours 5 --network-key k", "--network-key", "leave out")]
    [InlineData("discover --seed 1", "--seed without --neighbours", "--neighbours 5 --seed 1")]
    [InlineData("discover --neighbours 5 --seed x", "--seed 'x'", "from 0 to")]
    [InlineData("discover --duration soon", "'soon'", "30s, 2m, 1h")]
    [InlineData("discover --duration 0", "'0'", "from 1s to 720h")]
    [InlineData("discover --interface nonesuch0", "'nonesuch0'", "this computer has")]
    [InlineData("discover --network-key abc", "--network-key", "44 characters of base64")]
    [InlineData("discover --announce net:h:1~shs:x", "--announce without --secret", "add --secret FILE")]
    [InlineData("discover --secret f", "--secret without --announce", "add --announce ADDRESS")]
    [InlineData("discover --announce nonsense! --secret f", "Not a multiserver address", "net:HOST:PORT~shs:KEY")]
    [InlineData("discover --announce net:h:1~shs:abc --secret f", "not 32 bytes", "net:192.168.1.4:8008~shs:KEY")]
    public async Task Run_BadOption_GivesTwoAndWhatWouldHaveBeenRight(string line, params string[] words)
    {
        (int code, string output, string error, DiscoverOptions? ran) = await RunAsync(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        Assert.Equal(2, code);
        Assert.Null(ran);
        Assert.Equal("", output);
        Assert.All(words, word => Assert.Contains(word, error, StringComparison.Ordinal));
        Assert.Contains("discover --help", error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_NetworkKeyThatIsWrong_IsNotRepeated()
    {
        (_, _, string error, _) = await RunAsync("discover", "--network-key", "c2VjcmV0LW5ldHdvcms=");
        Assert.DoesNotContain("c2Vj", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_ControlCharactersInAnOption_DoNotReachTheTerminal()
    {
        (_, _, string error, _) = await RunAsync("discover", "--duration", "\e[2J\a5s");
        Assert.DoesNotContain('\e', error);
        Assert.DoesNotContain('\a', error);
    }

    [Fact]
    public async Task Run_SecretThatIsNotThere_SaysSo()
    {
        string address = AddressOf(KeyPair.Generate());
        (int code, _, string error, _) = await RunAsync("discover", "--announce", address, "--secret", Path.Combine(_folder, "none"));

        Assert.Equal(2, code);
        Assert.Contains("there is no such file", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_SecretThatIsNone_SaysSoAndRepeatsNothingOfIt()
    {
        string file = Path.Combine(_folder, "secret");
        await File.WriteAllTextAsync(file, "{\"private\":\"hunter2\"}", TestContext.Current.CancellationToken);
        (int code, _, string error, _) = await RunAsync("discover", "--announce", AddressOf(KeyPair.Generate()), "--secret", file);

        Assert.Equal(2, code);
        Assert.Contains("--secret", error, StringComparison.Ordinal);
        Assert.DoesNotContain("hunter2", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_SecretOfAnotherAddress_SaysWhatWouldHaveBeenRight()
    {
        string file = Path.Combine(_folder, "secret");
        using KeyPair keys = SecretFile.Create(file);
        using KeyPair other = KeyPair.Generate();
        (int code, _, string error, _) = await RunAsync("discover", "--announce", AddressOf(other), "--secret", file);

        Assert.Equal(2, code);
        Assert.Contains($"ends in ~shs:{Base64(keys)}", error, StringComparison.Ordinal);
        Assert.Contains(other.Id.ToString(), error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AddressWithARouteWithoutKey_SaysWhatWouldHaveBeenRight()
    {
        string file = Path.Combine(_folder, "secret");
        using KeyPair keys = SecretFile.Create(file);
        (int code, _, string error, _) = await RunAsync("discover", "--announce", AddressOf(keys) + ";net:192.168.1.4:8009", "--secret", file);

        Assert.Equal(2, code);
        Assert.Contains("names no key", error, StringComparison.Ordinal);
        Assert.Contains($"~shs:{Base64(keys)}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AddressWithTheSeedOfAnInvite_IsRefusedAndNotRepeated()
    {
        string file = Path.Combine(_folder, "secret");
        using KeyPair keys = SecretFile.Create(file);
        (int code, _, string error, _) = await RunAsync("discover", "--announce", AddressOf(keys) + ":c2VlZHNlZWRzZWVk", "--secret", file);

        Assert.Equal(2, code);
        Assert.Contains("seed", error, StringComparison.Ordinal);
        Assert.DoesNotContain("c2VlZHNlZWRzZWVk", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AddressTooLongToAnnounce_IsRefused()
    {
        string file = Path.Combine(_folder, "secret");
        using KeyPair keys = SecretFile.Create(file);
        (int code, _, string error, DiscoverOptions? ran) = await RunAsync(
            "discover", "--announce", string.Join(';', Enumerable.Repeat(AddressOf(keys), 20)), "--secret", file);

        Assert.Equal((2, null), (code, ran));
        Assert.Contains("does not fit into an announcement", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_AddressAndItsSecret_RunsWithBoth()
    {
        string file = Path.Combine(_folder, "secret");
        using KeyPair keys = SecretFile.Create(file);
        (int code, _, string error, DiscoverOptions? ran) = await RunAsync("discover", "--announce", AddressOf(keys), "--secret", file);

        Assert.Equal("", error);
        Assert.Equal(0, code);
        Assert.Equal(AddressOf(keys), ran!.Announce!.Text); // it ran
        Assert.Equal(keys.Id, ran.Keys!.Id);
    }

    [Fact]
    public async Task Run_AllOptionsOfNeighbours_AreRead()
    {
        (int code, _, _, DiscoverOptions? ran) = await RunAsync("discover", "--neighbours", "7", "--seed", "3", "--duration", "2m", "--json");

        Assert.Equal(0, code);
        Assert.Equal((7, 3, TimeSpan.FromMinutes(2), true), (ran!.Neighbours, ran.Seed!.Value, ran.Duration!.Value, ran.Json)); // it ran
    }

    [Fact]
    public async Task Run_NoOptions_ListensOnTheMainNetwork()
    {
        (int code, _, _, DiscoverOptions? ran) = await RunAsync("discover");

        Assert.Equal(0, code);
        Assert.Equal((0, null, null, null, null, false), (ran!.Neighbours, ran.Announce, ran.Keys, ran.Interface, ran.Duration, ran.Json)); // it ran
        Assert.Equal(NetworkKey.Main, ran.NetworkKey);
    }

    [Fact]
    public async Task Run_Loopback_IsAnInterfaceByNameAndByAddress()
    {
        KnownInterface loopback = KnownInterface.All().First(card => card.Addresses.Contains("127.0.0.1"));
        foreach (string name in (string[])[loopback.Name, "127.0.0.1"])
        {
            (int code, _, _, DiscoverOptions? ran) = await RunAsync("discover", "--interface", name);
            Assert.Equal(0, code);
            Assert.Equal(name, ran!.Interface); // it ran
        }
    }

    [Theory]
    [InlineData("discover --help")]
    [InlineData("discover -h")]
    public async Task Run_Help_HasEveryOptionAndExamples(string line)
    {
        (int code, string output, string error, DiscoverOptions? ran) = await RunAsync(line.Split(' '));

        Assert.Equal((0, "", null), (code, error, ran));
        Assert.Contains("ssb-conn discover --neighbours 5", output, StringComparison.Ordinal);
        Assert.Contains("\"change\":\"unstaged\"", output, StringComparison.Ordinal);
        Assert.All(output.Split('\n'), text => Assert.True(text.Length <= 110, text));
    }

    [Theory]
    [InlineData("--version")]
    [InlineData("discover --version")]
    public async Task Run_Version_IsOneLine(string line)
    {
        (int code, string output, _, DiscoverOptions? ran) = await RunAsync(line.Split(' '));

        Assert.Equal((0, null), (code, ran));
        Assert.Matches(@"^\d+\.\d+\.\d+\S*\s*$", output);
    }

    private static string Base64(KeyPair keys) => keys.Id.ToBase64();

    private static string AddressOf(KeyPair keys) => $"net:192.168.1.4:8008~shs:{Base64(keys)}";

    private static async Task<(int Code, string Output, string Error, DiscoverOptions? Ran)> RunAsync(params string[] arguments)
    {
        DiscoverOptions? ran = null;
        (int code, string output, string error) = await Cli.RunAsync(
            [new DiscoverCommand(options =>
            {
                ran = options;
                return Task.FromResult(0);
            })],
            arguments);
        return (code, output, error, ran);
    }
}
