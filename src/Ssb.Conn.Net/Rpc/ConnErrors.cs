using Ssb.Wire;

namespace Ssb.Conn.Net;

/// <summary>The errors of the manager as a caller gets them.</summary>
internal static class ConnErrors
{
    /// <summary>Is a caller told what happened? Else it is none of its business.</summary>
    public static bool IsTold(Exception e) =>
        e is ArgumentException or ObjectDisposedException or ConnectFailedException or FormatException or InvalidOperationException or IOException;

    /// <summary>What a caller is told of an exception.</summary>
    /// <param name="e">One that it is told of.</param>
    /// <param name="address">The address that the call was about; a seed in it is masked wherever the text repeats it.</param>
    public static RpcException Of(Exception e, MultiserverAddress? address) => e switch
    {
        ArgumentException argument => new RpcException(WithoutParameter(argument)),
        ObjectDisposedException => new RpcException("CONN is closed"),
        _ => new RpcException(Masked(e.Message, address)),
    };

    /// <summary>A text without the seeds of an address. Texts of the manager have none; a host's network may repeat what it was given.</summary>
    public static string Masked(string text, MultiserverAddress? address)
    {
        if (address is null)
            return text;
        text = text.Replace(address.Text, address.ToString(), StringComparison.Ordinal);
        foreach (MultiserverProtocol part in address.Routes.SelectMany(route => route.Protocols))
        {
            if (!part.Name.StartsWith("shs", StringComparison.Ordinal))
                continue;
            foreach (string seed in part.Data.Skip(1).Where(data => data.Length > 0))
                text = text.Replace(seed, "***", StringComparison.Ordinal);
        }

        return text;
    }

    // Names of our parameters mean nothing to a caller.
    private static string WithoutParameter(ArgumentException e)
    {
        string tail = $" (Parameter '{e.ParamName}')";
        return e.Message.EndsWith(tail, StringComparison.Ordinal) ? e.Message[..^tail.Length] : e.Message;
    }
}
