using System.Globalization;
using Microsoft.Extensions.Configuration;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Options from configuration: <c>appsettings.json</c>, environment variables, a command line.</summary>
public static class SsbPeerConfiguration
{
    // By hand, as the configuration binder makes no keys and no feed ids, takes a mistyped name for nothing, and needs reflection.
    private static readonly Settings<SchedulerOptions> s_scheduler = new(static o => new ConnPluginOptions { Scheduler = o }.Validate())
    {
        ["RoomQuota"] = (o, s) => o with { RoomQuota = Number(s) },
        ["PeerQuota"] = (o, s) => o with { PeerQuota = Number(s) },
        ["CallerQuota"] = (o, s) => o with { CallerQuota = Number(s) },
    };

    private static readonly Settings<ConnPluginOptions> s_conn = new(static o => o.Validate())
    {
        ["Autostart"] = (o, s) => o with { Autostart = Flag(s) },
        ["DefaultHops"] = (o, s) => o with { DefaultHops = Number(s) },
        ["Scheduler"] = (o, s) => o with { Scheduler = s_scheduler.Read(s, o.Scheduler) },
    };

    private static readonly Settings<LanOptions> s_lan = new(static o => LanOptions.Checked(o))
    {
        ["Interface"] = (o, s) => o with { Interface = s.Value },
        ["Loopback"] = (o, s) => o with { Loopback = Flag(s) },
        ["Legacy"] = (o, s) => o with { Legacy = Flag(s) },
        ["NormalPort"] = (o, s) => o with { NormalPort = Number(s) },
        ["LegacyPort"] = (o, s) => o with { LegacyPort = Number(s) },
        ["AnnounceInterval"] = (o, s) => o with { AnnounceInterval = Duration(s) },
        ["AcceptAnyRoute"] = (o, s) => o with { AcceptAnyRoute = Flag(s) },
    };

    private static readonly Settings<PeerNetworkLimits> s_limits = new(static o => o.Check())
    {
        ["MaxCallers"] = (o, s) => o with { MaxCallers = Number(s) },
        ["MaxCallersPerSource"] = (o, s) => o with { MaxCallersPerSource = Number(s) },
        ["MaxCallersPerIdentity"] = (o, s) => o with { MaxCallersPerIdentity = Number(s) },
        ["MaxLocalCallers"] = (o, s) => o with { MaxLocalCallers = Number(s) },
        ["ReservedDescriptors"] = (o, s) => o with { ReservedDescriptors = Number(s) },
        ["MaxBrowserCallers"] = (o, s) => o with { MaxBrowserCallers = Number(s) },
        ["LocalOrigins"] = (o, s) => o with { LocalOrigins = List(s) },
        ["MaxUselessBytes"] = (o, s) => o with { MaxUselessBytes = Number(s) },
        ["MaxHandshakes"] = (o, s) => o with { MaxHandshakes = Number(s) },
        ["HandshakeDeadline"] = (o, s) => o with { HandshakeDeadline = Duration(s) },
        ["PolicyDeadline"] = (o, s) => o with { PolicyDeadline = Duration(s) },
        ["RouteDeadline"] = (o, s) => o with { RouteDeadline = Duration(s) },
        ["SilenceDeadline"] = (o, s) => o with { SilenceDeadline = Duration(s) },
    };

    private static readonly Settings<SsbPeerOptions> s_peer = new(static o => o.Checked())
    {
        ["Folder"] = (o, s) => o with { Folder = s.Value },
        ["NetworkKey"] = (o, s) => o with { NetworkKey = NetworkKey.Parse(s.Value) },
        ["Listen"] = (o, s) => o with { Listen = Places(s) },
        ["Sockets"] = (o, s) => o with { Sockets = [.. List(s).Select(path => new ListeningSocket(path))] },
        ["Lan"] = (o, s) => o with { Lan = s.Value is null ? s_lan.Read(s, new LanOptions()) : Flag(s) ? new LanOptions() : null },
        ["Masters"] = (o, s) => o with { Masters = [.. List(s).Select(id => FeedId.ReadLenient(id) ?? FeedId.Parse(id))] },
        ["AllowStrangers"] = (o, s) => o with { AllowStrangers = List(s) },
        ["Limits"] = (o, s) => o with { Limits = s_limits.Read(s, o.Limits) },
        ["Conn"] = (o, s) => o with { Conn = s_conn.Read(s, o.Conn) },
        ["InMemory"] = (o, s) => o with { InMemory = Flag(s) },
    };

    /// <summary>The options of a peer as a section has them; what it does not have, or leaves empty, keeps its default.</summary>
    /// <remarks>
    /// <para>Names are those of the options, of which it knows <c>Folder</c>, <c>InMemory</c>, <c>NetworkKey</c> (base64), <c>Listen</c>,
    /// <c>Sockets</c> (paths of unix sockets without a handshake), <c>Lan</c> (true, or a section of
    /// <c>Interface</c>, <c>Loopback</c>, <c>Legacy</c>, <c>NormalPort</c>, <c>LegacyPort</c>, <c>AnnounceInterval</c> and
    /// <c>AcceptAnyRoute</c>), <c>Masters</c>, <c>AllowStrangers</c>,
    /// <c>Limits</c> (all of <see cref="PeerNetworkLimits"/> but <c>Rpc</c>), and of <c>Conn</c> <c>Autostart</c>, <c>DefaultHops</c>, <c>Scheduler:RoomQuota</c>,
    /// <c>Scheduler:PeerQuota</c> and <c>Scheduler:CallerQuota</c>. Lists are arrays, or one value. Times are <c>hours:minutes:seconds</c>.</para>
    /// <para>It uses no reflection. What no text can say, such as <see cref="SsbPeerOptions.OnConnected"/>, is added with <c>with</c>.</para>
    /// </remarks>
    /// <exception cref="FormatException">A setting has a name that is not known, or a value that cannot be read or is out of its range; the message begins with
    /// its path. What contradicts another setting is told when the peer starts.</exception>
    public static SsbPeerOptions GetSsbPeerOptions(this IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(section);
        return s_peer.Read(section, new SsbPeerOptions());
    }

    private static bool Flag(IConfigurationSection setting) =>
        bool.TryParse(setting.Value, out bool flag) ? flag : throw new FormatException("expected true or false.");

    private static int Number(IConfigurationSection setting) =>
        int.TryParse(setting.Value, CultureInfo.InvariantCulture, out int number) ? number : throw new FormatException("expected a whole number.");

    private static TimeSpan Duration(IConfigurationSection setting) =>
        TimeSpan.TryParse(setting.Value, CultureInfo.InvariantCulture, out TimeSpan duration) ? duration : throw new FormatException("expected a time as hours:minutes:seconds.");

    private static string[] List(IConfigurationSection setting) =>
        setting.Value is { } one ? [one] : [.. setting.GetChildren().Select(item => item.Value).OfType<string>()];

    private static string[] Places(IConfigurationSection setting)
    {
        string[] places = List(setting);
        foreach (string place in places)
            Listener.Check(place);
        return places;
    }

    /// <summary>The message of an exception, without the name of the parameter, which is said elsewhere.</summary>
    internal static string WithoutParameter(ArgumentException e)
    {
        int tail = e.Message.IndexOf($" (Parameter '{e.ParamName}')", StringComparison.Ordinal);
        return tail < 0 ? e.Message : e.Message[..tail];
    }

    private sealed class Settings<T>(Action<T> check) : Dictionary<string, Func<T, IConfigurationSection, T>>(StringComparer.OrdinalIgnoreCase)
    {
        public T Read(IConfiguration section, T options)
        {
            foreach (IConfigurationSection setting in section.GetChildren())
            {
                if (!TryGetValue(setting.Key, out Func<T, IConfigurationSection, T>? read))
                    throw new FormatException($"{setting.Path} is no setting of an SSB peer. There are {string.Join(", ", Keys)}.");
                if (string.IsNullOrEmpty(setting.Value) && !setting.GetChildren().Any())
                    continue; // null, [] or ""
                options = Apply(read, options, setting);
            }

            Check(section, options);
            return options;
        }

        // Of what contradicts another setting the start tells: only then all is known that is added in code.
        private void Check(IConfiguration section, T options)
        {
            try
            {
                check(options);
            }
            catch (ArgumentException e)
            {
                IConfigurationSection? wrong = section.GetChildren().FirstOrDefault(setting => string.Equals(setting.Key, e.ParamName, StringComparison.OrdinalIgnoreCase));
                if (wrong is not null)
                    throw new FormatException($"{wrong.Path}: {WithoutParameter(e)}", e);
            }
        }

        private static T Apply(Func<T, IConfigurationSection, T> read, T options, IConfigurationSection setting)
        {
            try
            {
                return read(options, setting);
            }
            catch (FormatException e) when (!e.Message.StartsWith(setting.Path, StringComparison.Ordinal)) // else it says where already
            {
                throw new FormatException($"{setting.Path}: {e.Message}", e);
            }
        }
    }
}
