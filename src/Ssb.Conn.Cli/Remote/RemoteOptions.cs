using System.CommandLine;

namespace Ssb.Conn.Cli.Remote;

/// <summary>The options by which every command that talks to a running peer finds it.</summary>
internal static class RemoteOptions
{
    /// <summary>What help says of them.</summary>
    public const string Help =
        """
        Which peer:
          The one of the folder --path: by its 'socket' there if it has one, else, with the 'secret' there,
          at the address in its 'conn-address' or at 127.0.0.1:8008. Without --path, the folder that ssb_path
          names; else that of 'ssb-conn start', if it runs; else ~/.ssb (or, as in JavaScript, that of the
          app that ssb_appname names).
          Another one: --remote ADDRESS --secret FILE
        """;

    /// <summary>What help says of the end.</summary>
    public const string ExitCodes =
        """
        Exit codes:
          0 it did as asked; 1 it could not, and says why; 2 the command line was wrong
        """;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static readonly Option<string?> s_path = CliCommand.Text("--path", "DIR", "The SSB folder of the peer (default: $ssb_path, else see below)");
    private static readonly Option<string?> s_remote = CliCommand.Text("--remote", "ADDRESS", "A peer elsewhere, by its multiserver address");
    private static readonly Option<string?> s_secret = CliCommand.Text("--secret", "FILE", "Who we are to it (default: secret in the SSB folder)");
    private static readonly Option<string?> s_networkKey = CliCommand.Text("--network-key", "BASE64", "Another SSB network than the main one");
    private static readonly Option<string?> s_timeout = CliCommand.Text("--timeout", "TIME", "Give up after 5s, 1m (default: 30s)");
    private static readonly Option<bool> s_json = CliCommand.Flag("--json", "Write line-JSON");

    /// <summary>Adds them to a command.</summary>
    public static void AddTo(Command command)
    {
        AddNetworkTo(command);
        foreach (Option option in (Option[])[s_secret, s_remote, s_path])
            command.Options.Insert(0, option);
    }

    /// <summary>Adds those that name no peer: the network, the time-out, and JSON.</summary>
    public static void AddNetworkTo(Command command)
    {
        foreach (Option option in (Option[])[s_json, s_timeout, s_networkKey])
            command.Options.Insert(0, option);
    }

    /// <summary>Is it JSON that is asked for?</summary>
    public static bool IsJson(ParseResult parsed) => parsed.GetValue(s_json);

    /// <summary>The network that was typed.</summary>
    /// <exception cref="MisuseException">It is none.</exception>
    public static Wire.NetworkKey NetworkKey(ParseResult parsed) => Typed.NetworkKey(parsed.GetValue(s_networkKey));

    /// <summary>The time to give up after.</summary>
    /// <exception cref="MisuseException">It is none.</exception>
    public static TimeSpan Timeout(ParseResult parsed) => Typed.Duration("--timeout", parsed.GetValue(s_timeout), "5s, 1m") ?? s_patience;

    /// <summary>Where the peer is to be found.</summary>
    /// <exception cref="MisuseException">An option was wrong.</exception>
    /// <exception cref="FailedException">There is nothing in the folder to find it by.</exception>
    public static RemoteTarget Read(ParseResult parsed)
    {
        TimeSpan timeout = Timeout(parsed);
        Wire.NetworkKey network = NetworkKey(parsed);
        string folder = parsed.GetValue(s_path) ?? SsbFolder.ToSteer(
            Environment.GetEnvironmentVariable, own => Task.Run(() => SsbFolder.IsAliveAsync(own, network)).GetAwaiter().GetResult());
        string? secret = parsed.GetValue(s_secret);
        return parsed.GetValue(s_remote) is { } remote
            ? RemoteTarget.At(Typed.Address("--remote", remote), folder, secret, network, timeout)
            : RemoteTarget.In(folder, secret, network, timeout);
    }
}
