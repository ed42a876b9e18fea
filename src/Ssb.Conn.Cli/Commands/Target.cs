using System.CommandLine;
using Ssb.Wire;

namespace Ssb.Conn.Cli.Commands;

/// <summary>Somebody, by feed id or address.</summary>
/// <param name="Whole">As it goes to the peer.</param>
/// <param name="Shown">For people: a secret in it is masked.</param>
internal sealed record Target(string Whole, string Shown)
{
    /// <summary>The argument of a command.</summary>
    public static Argument<string> Argument() => new("target") { HelpName = "TARGET", Description = "A peer: its feed id (@KEY.ed25519), a multiserver address, or an SSB URI of one" };

    /// <exception cref="MisuseException">It is neither, or names nobody.</exception>
    public static Target Read(string typed)
    {
        try
        {
            var target = PeerTarget.Parse(typed);
            return new Target(target.Text, target.ToString());
        }
        catch (FormatException e)
        {
            throw Typed.Wrong("TARGET", $"{e.Message.TrimEnd('.')}; it takes @KEY.ed25519 or ssb:feed/ed25519/KEY, with 44 characters of base64 for KEY, or a multiserver address");
        }
    }

    /// <summary>As <see cref="Read"/>, but of every address: for what tells of it, or takes something back.</summary>
    /// <param name="typed">What was typed.</param>
    /// <param name="withUris">Is an SSB URI of another kind an address, too, as it once was?</param>
    /// <exception cref="MisuseException">It is neither.</exception>
    public static Target ReadAny(string typed, bool withUris) =>
        !PeerTarget.TryParse(typed, out _) && (withUris || !typed.StartsWith("ssb:", StringComparison.OrdinalIgnoreCase))
            && MultiserverAddress.TryParse(typed, out MultiserverAddress? address)
            ? new Target(address.Text, address.ToString())
            : Read(typed);
}
