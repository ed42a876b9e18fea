using Microsoft.Extensions.Logging;
using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>Checks what a host lets strangers call: each name must open something, and nothing that was not meant.</summary>
internal static class StrangersCalls
{
    /// <param name="allowed">The names: <see cref="SsbPeerOptions.AllowStrangers"/>.</param>
    /// <param name="option">What that option is called.</param>
    /// <param name="host">The procedures of the host.</param>
    /// <param name="all">Those and ours. It is in use from now on.</param>
    /// <param name="logger">Warned of what is for owners.</param>
    /// <exception cref="ArgumentException">One names nothing, or names procedures of ours by their beginning.</exception>
    public static void Check(IReadOnlyList<string> allowed, string option, RpcApi? host, RpcApi all, ILogger logger)
    {
        string[] theirs = [.. new RpcApi(host ?? new RpcApi()).Manifest.Procedures.Keys.Where(name => name != "manifest").Order(StringComparer.Ordinal)];
        string[] ours = [.. all.Manifest.Procedures.Keys.Except(theirs).Order(StringComparer.Ordinal)];
        string[] open = [.. ConnApi.ForStrangers, .. RoomClient.ForStrangers];
        foreach (string name in allowed)
        {
            if (ours.Contains(name))
            {
                if (!open.Contains(name))
                    logger.LogWarning("{Option} lets every stranger call {Procedure}, which is for owners.", option, name);
            }
            else if (ours.Where(procedure => IsBelow(procedure, name)).ToArray() is { Length: > 0 } below)
            {
                throw new ArgumentException(
                    $"{option} has '{name}', which would let strangers call {below.Length} procedures of the peer itself, such as {below[0]}: name those in full that are meant.",
                    option);
            }
            else if (!theirs.Any(procedure => procedure == name || IsBelow(procedure, name)))
            {
                throw new ArgumentException(
                    $"{option} has '{name}', which is the name of no procedure, and the beginning of none. The procedures of {nameof(SsbPeerOptions.Api)} are "
                    + $"{(theirs.Length == 0 ? "none" : string.Join(", ", theirs))}.",
                    option);
            }
        }
    }

    private static bool IsBelow(string procedure, string name) =>
        procedure.Length > name.Length && procedure[name.Length] == '.' && procedure.StartsWith(name, StringComparison.Ordinal);
}
